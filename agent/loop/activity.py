"""The one place where the loop records its activity; logs, metrics and health read it here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import EventOfOtherModel
from ..events.event import Tombstone
from ..events.prediction import Prediction
from ..ports import Clock, Partition, Scored
from ..untrusted.text import reason_text
from .lag import LagReading
from .other_model import OtherModel
from .scoring import Judged
from .status import Dependency, FlushOutcome, LoopStatus, Unavailability


@dataclass(frozen=True, slots=True)
class BatchScored:
    """A batch was scored and counted in memory."""

    scored: Scored


@dataclass(frozen=True, slots=True)
class FlushEnded:
    """A flush ended, however; *empty* had nothing to write."""

    outcome: FlushOutcome
    seconds: float


Listener = Callable[[BatchScored | FlushEnded], None]
"""Receives what a sum cannot show afterwards. Runs in the loop's thread: must be fast and never raise."""


def ignore(happened: BatchScored | FlushEnded) -> None:
    """Listen to nothing."""


class Activity:
    """Collects what the loop reports, and publishes it. The loop's thread owns it.

    Counts only grow: what is dropped and read again is consumed and scored again.

    Attributes:
        status: replaced as a whole by `publish`; safe to read in every thread.
    """

    def __init__(self, clock: Clock, listener: Listener = ignore, *, decode_threads: int) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._listener = listener
        self._decode_threads = decode_threads
        self._started_at = now
        self._counts: Counter[str] = Counter()
        self._dead_letters: Counter[str] = Counter()
        self._last_dead_letter = ""
        self._other_model: OtherModel | None = None
        self._flushes: Counter[FlushOutcome] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._written_at: float | None = None
        self.flushed_at = now
        self.status = LoopStatus(started_at=now, turned_at=now, flushed_at=now)

    def consumed(self, n_records: int, *, n_sampled_out: int = 0) -> None:
        """Records were taken from Kafka, some of them to be left out by sampling."""
        self._counts["consumed"] += n_records
        self._counts["sampled_out"] += n_sampled_out

    def dead_lettered(self, error: str, letter: str) -> None:
        """A record goes to the dead letters.

        Args:
            error: the name of its class.
            letter: its place and reason.
        """
        self._dead_letters[error] += 1
        self._last_dead_letter = letter

    def of_other_model(self, error: EventOfOtherModel) -> None:
        """A record's taps are of another model: it is passed over."""
        self._counts["unscored"] += error.n_images
        before = self._other_model.n_events if self._other_model else 0
        self._other_model = OtherModel(
            why=reason_text(str(error)),
            n_events=before + error.n_images,
            seen_at=self._clock.monotonic(),
            n_scored=self._counts["scored"],
        )

    def counted(self, judged: Judged) -> None:
        """A batch is counted in memory."""
        for stage, seconds in judged.seconds.items():
            self.spent(stage, seconds)
        is_scored = judged.scored is None or judged.scored.is_scored
        self._counts["scored" if is_scored else "unscored"] += len(judged.events)
        self._counts["skewed"] += sum(found.is_skewed for found in judged.outcomes)
        kinds = Counter(type(found.outcome) for found in judged.outcomes)
        self._counts["predictions"] += kinds[Prediction]
        self._counts["tombstones"] += kinds[Tombstone]
        if judged.scored is not None:
            self._listener(BatchScored(judged.scored))

    def dropped(self, n_events: int) -> None:
        """Counted events were dropped before a flush; the partition's owner reads them again."""
        self._counts["dropped"] += n_events

    def flushed(self, outcome: FlushOutcome, seconds: float) -> None:
        """A flush ended."""
        self._flushes[outcome] += 1
        self.spent("flush", seconds)
        if outcome in ("written", "empty"):
            self.flushed_at = self._clock.monotonic()
        if outcome == "written":
            self._written_at = self.flushed_at
        self._listener(FlushEnded(outcome, seconds))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's duration to stage *name*, however it ends."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            self.spent(name, self._clock.monotonic() - start)

    def spent(self, stage: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self._seconds[stage] += seconds

    def publish(
        self,
        *,
        turned_at: float,
        partitions: frozenset[Partition],
        is_paused: bool,
        detector: str,
        n_layers: int,
        shadow: str | None = None,
        unavailable: Mapping[Dependency, Unavailability],
        n_waiting: int,
        lag: LagReading,
        n_other: int,
        n_kept: int,
        n_keep_lost: int,
        missing_segments: tuple[str, ...],
        n_wrong_clocks: int,
        worst_clock_seconds: float,
    ) -> LoopStatus:
        """Let others see all of it, with what the loop is like now; `LoopStatus` explains each."""
        self.status = LoopStatus(
            started_at=self._started_at,
            turned_at=turned_at,
            flushed_at=self.flushed_at,
            written_at=self._written_at,
            partitions=partitions,
            is_paused=is_paused,
            detector=detector,
            n_layers=n_layers,
            shadow=shadow,
            unavailable=dict(unavailable),
            n_waiting=n_waiting,
            lag=lag,
            missing_segments=missing_segments,
            n_wrong_clocks=n_wrong_clocks,
            worst_clock_seconds=worst_clock_seconds,
            decode_threads=self._decode_threads,
            n_consumed=self._counts["consumed"],
            n_sampled_out=self._counts["sampled_out"],
            n_scored=self._counts["scored"],
            n_unscored=self._counts["unscored"],
            other_model=self._other_model,
            n_dropped=self._counts["dropped"],
            n_skewed=self._counts["skewed"],
            n_predictions=self._counts["predictions"],
            n_tombstones=self._counts["tombstones"],
            n_other=n_other,
            n_kept=n_kept,
            n_keep_lost=n_keep_lost,
            dead_letters=dict(self._dead_letters),
            last_dead_letter=self._last_dead_letter,
            flushes=dict(self._flushes),
            stage_seconds=dict(self._seconds),
        )
        return self.status
