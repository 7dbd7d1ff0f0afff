"""What the loop is like and what it did so far, as one value that every thread may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..ports import Partition
from .lag import LagReading
from .other_model import OtherModel

Dependency = Literal["broker", "dead_letters", "database"]
"""What the loop needs from outside; ``dead_letters`` is the topic where it writes them."""

DEPENDENCIES: tuple[Dependency, ...] = ("broker", "dead_letters", "database")

FlushOutcome = Literal["written", "empty", "stale", "failed"]
"""``empty``: there was nothing to write; ``stale``: another agent was quicker."""

FLUSH_OUTCOMES: tuple[FlushOutcome, ...] = ("written", "empty", "stale", "failed")


@dataclass(frozen=True, slots=True)
class Unavailability:
    """A dependency that does not answer.

    Attributes:
        since: monotonic time of the first failure.
        reason: of the last failure.
    """

    since: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """The loop at the beginning or the end of its last turn.

    Attributes:
        started_at: monotonic time at which the loop was built.
        turned_at: monotonic time at which its last turn began, or at which the batch was handed to
            the scorer that is not back yet.
        flushed_at: monotonic time of the last flush that succeeded, or of the start.
        written_at: monotonic time of the last flush that wrote something; None before the first.
        partitions: owned, with a known position; empty before the first assignment.
        is_paused: whether fetching is paused, for all partitions together.
        detector: the version that scores the next batch.
        n_layers: that it scores.
        shadow: the version that scores beside it; None for none.
        unavailable: what does not answer and is tried again.
        n_waiting: records in memory that are not scored yet.
        missing_segments: names of ``stream.segments`` that no event had so far.
        n_wrong_clocks: segments whose events are dated far from their records' time.
        worst_clock_seconds: the largest such difference; below 0 where the sender's clock is behind.
        decode_threads: how many threads share the stages of decoding.

        n_consumed: records taken from Kafka; this and what follows only grows.
        n_sampled_out: records left out by sampling under lag.
        n_scored: events scored and counted in memory.
        n_unscored: events that nothing scored: of a model that no detector was fitted for.
        other_model: what was sent last of them; None before the first.
        n_dropped: scored events that were dropped before a flush, to be read again.
        n_skewed: events dated too far ahead, counted at their arrival time.
        n_predictions: records that are a served model's predictions, passed over.
        n_tombstones: records without a value, as a compacted topic has them, passed over.
        n_other: segment values beyond the bound, counted as ``~other``.
        n_kept: events whose taps are kept to learn from.
        n_keep_lost: events whose taps were to be kept and could not be written.
        dead_letters: records sent to the dead letters, by the class of the error.
        last_dead_letter: place and reason of the last one; empty before the first.
        flushes: by outcome.
        stage_seconds: where the time went; `STAGES` says in which thread.
    """

    started_at: float
    turned_at: float
    flushed_at: float
    written_at: float | None = None
    partitions: frozenset[Partition] = frozenset()
    is_paused: bool = False
    detector: str = ""
    n_layers: int = 0
    shadow: str | None = None
    unavailable: Mapping[Dependency, Unavailability] = field(default_factory=dict)
    n_waiting: int = 0
    lag: LagReading = field(default_factory=LagReading)
    missing_segments: tuple[str, ...] = ()
    n_wrong_clocks: int = 0
    worst_clock_seconds: float = 0.0
    decode_threads: int = 1

    n_consumed: int = 0
    n_sampled_out: int = 0
    n_scored: int = 0
    n_unscored: int = 0
    other_model: OtherModel | None = None
    n_dropped: int = 0
    n_skewed: int = 0
    n_predictions: int = 0
    n_tombstones: int = 0
    n_other: int = 0
    n_kept: int = 0
    n_keep_lost: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    last_dead_letter: str = ""
    flushes: Mapping[FlushOutcome, int] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def n_counted(self) -> int:
        """Events that are in the database, or will be with the next flush."""
        return self.n_scored - self.n_dropped

    @property
    def n_dead_letters(self) -> int:
        """Records sent to the dead letters."""
        return sum(self.dead_letters.values())
