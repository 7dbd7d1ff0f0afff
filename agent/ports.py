"""What the loop needs from outside; each has a real and an in-memory implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from driftgauge.storage import FlushRecord

    from .errors import EventUnreadable

Partition = tuple[str, int]
"""Topic and partition number."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as the broker gave it.

    Attributes:
        headers: in the broker's order; names may repeat.
        timestamp_ms: the broker's or producer's time, milliseconds since 1970, -1 when absent.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll gave.

    Attributes:
        records: in offset order within each partition.
        assignment_changed: partitions came or went since the last poll; *records* is then empty
            and the loop must flush or drop what it holds, then seek every assigned partition.
        unreadable: stretches that reading stepped over, before *records*; each record stands at the
            stretch's last offset and has no value.
    """

    records: Sequence[Record]
    assignment_changed: bool = False
    unreadable: Sequence[tuple[Record, EventUnreadable]] = ()


class EventSource(Protocol):
    """Where events come from. One thread owns it."""

    def poll(self, timeout_seconds: float) -> Polled:
        """Return what has arrived, waiting at most *timeout_seconds*."""

    def topic_id(self) -> str | None:
        """Return the broker's id of the topic that is read, None if it returns none.

        A topic that is deleted and recreated has another one; `poll` then reports a changed
        assignment.
        """

    def is_same_topic(self, timeout_seconds: float) -> bool:
        """Ask the broker whether what was read since `seek` is of the topic that was sought.

        True where it tells no ids, or does not say in time.
        """

    def assignment(self) -> frozenset[Partition]:
        """Return the partitions that this agent owns now."""

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Continue each partition at its offset; None is the configured start.

        Returns where each will continue; a start that the broker did not return in time is left out,
        and so is a partition that went meanwhile.
        """

    def ends(self, timeout_seconds: float) -> dict[Partition, int]:
        """Return where each owned partition ends: the offset after its last record, or beyond.

        Raises:
            SourceUnavailable: the broker did not say in time.
        """

    def pause(self) -> None:
        """Stop fetching from every assigned partition; polling keeps the membership."""

    def resume(self) -> None:
        """Fetch from every assigned partition again."""

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the broker how far the database is, for lag tools only; never raises."""

    def close(self) -> None:
        """Leave the group; safe to call twice."""


class DeadLetters(Protocol):
    """Where undecodable events go."""

    def send(self, record: Record, *, error: str, message: str) -> None:
        """Queue *record* untouched, with the reason in added headers."""

    def flush(self, timeout_seconds: float) -> None:
        """Return when everything queued is stored by the broker; raise SourceUnavailable."""

    def close(self) -> None:
        """Flush and leave; safe to call twice."""


@dataclass(frozen=True, slots=True)
class ShadowScored:
    """What a detector that scores beside the active one gave for the same events.

    Attributes:
        detector: its version.
        columns: names of its score columns.
        classes: of its reference.
        scores, p_values: as in `Scored`.
    """

    detector: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores and p-values of one micro-batch.

    Attributes:
        scores: ``(events, layers + 1)``, float64; the last column is the combined statistic.
        p_values: ``(events, layers + 1)``, float64, in (0, 1]; the last column is combined.
        predicted: ``(events,)``, the class that the production model gives each image; None when
            it is no classifier; -1 where only its taps are known.
        confidences: ``(events,)``, of these classes, 0 to 1; NaN where only taps are known.
        seconds: what its parts took, such as ``forward`` and ``detector``.
        taps: ``(events, channels)``, float16: what was scored, the taps side by side in the detector's
            order; None from a scorer that does not give them.
        pixels: ``(events, statistics)`` of the pictures themselves, float32; None where they are not
            scored.
        cells: ``(events, numbers)``: light and contrast of their parts, float32; None where pixels are.
        shadow: of the detector beside it; None without one, or where that failed.
    """

    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]
    predicted: NDArray[np.int64] | None = None
    confidences: NDArray[np.float64] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    taps: NDArray[np.float16] | None = None
    pixels: NDArray[np.float32] | None = None
    cells: NDArray[np.float32] | None = None
    shadow: ShadowScored | None = None

    @property
    def is_scored(self) -> bool:
        """Whether there are scores: none where a model's taps are only kept."""
        return bool(self.p_values.shape[1])


class Scorer(Protocol):
    """The production model with a detector on its layers."""

    @property
    def detector(self) -> str:
        """The detector's version, as the database knows it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the score columns: the layers, then ``*``."""

    def prepare(self, image: NDArray[np.uint8]) -> Any:
        """Return what `score` may be given in place of *image*, ``(height, width, 3)``, RGB.

        It is called before `score`, by several threads at the same time; what it raises is the event's
        fault.
        """

    def score(
        self,
        images: Sequence[Any],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        """Score a batch.

        Args:
            images: what `prepare` returned; RGB ``(height, width, 3)``, uint8; or `TapVectors` of
                images that are elsewhere.
            uniforms: in (0, 1), smooth the ranks.
            segments: of each image, name to value, for detectors that calibrate by one of them.
        """


class LoopStore(Protocol):
    """The database, as far as the loop needs it."""

    def flush(self, flush: FlushRecord) -> None:
        """Write everything in one transaction; raise StaleFlush or StoreUnavailable."""

    def ping(self) -> None:
        """Return when the database answers; raise StoreUnavailable when it does not."""

    def offsets(self, stream: str, partitions: frozenset[Partition]) -> dict[Partition, int]:
        """Return the next offset of each partition that the database knows."""

    def segments(self, stream: str) -> Mapping[str, datetime]:
        """Return each segment that was counted, with the start of its newest window."""

    def note_topic(self, stream: str, topic: str, topic_id: str) -> str | None:
        """Return another id of the topic that its stored offsets are of; None where there is none."""


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime:
        """Return the aware UTC wall clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
