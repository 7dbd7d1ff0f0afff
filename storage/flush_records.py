"""What a flush writes: plain frozen values, no SQL in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .kept_records import KeptRun, KeptShard

OTHER_VALUE = "~other"
"""The segment value that collects all values beyond the limit."""


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """Counts of one window of one (segment, layer); layer ``*`` is the combined p-value.

    Attributes:
        window_start: aware, UTC.
        counts: ``N_BINS`` counts of p-values; they add when the same window is flushed again.
        score_sum: sum of raw scores over the counted events; adds.
        score_max: largest raw score; the larger of both wins; kept in single precision.
        left_out: events that sampling left out, as estimated by the counted ones: each stands for
            as many as its rate says; adds.
        left_out_ood: of these, out of distribution; adds.
    """

    segment: str
    layer: str
    window_start: datetime
    counts: tuple[int, ...]
    score_sum: float
    score_max: float
    left_out: int = 0
    left_out_ood: int = 0

    @property
    def events(self) -> int:
        """How many events the window counted."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class OffsetAdvance:
    """How far one partition moves with a flush.

    Attributes:
        from_offset: the offset the counts started from; None when the database had none.
        next_offset: the first offset that the counts do not include.
        event_time_max: the latest event time counted, None when no event was (all dead letters).
        sampled_out: records on the way that sampling left out; adds.
        topic_id: the broker's id of the topic that the offsets belong to; None if it returns none.
    """

    topic: str
    partition: int
    from_offset: int | None
    next_offset: int
    event_time_max: datetime | None
    sampled_out: int = 0
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """One kept event: ``kind`` is ``unusual`` (low p-value) or ``typical`` (to compare with).

    Attributes:
        item: which picture of its message, counted from 0.
        pixels: statistics of the picture, and of its cells, float32, little-endian; None where they are not
            known.
    """

    segment: str
    window_start: datetime
    kind: str
    topic: str
    partition: int
    offset: int
    event_id: str
    event_time: datetime
    p_value: float
    layer_p_values: Mapping[str, float]
    thumbnail: bytes | None
    item: int = 0
    pixels: bytes | None = None


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """Running statistics of one layer's raw scores since the agent started."""

    layer: str
    events: int
    mean: float
    variance: float
    minimum: float
    maximum: float
    p05: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class SegmentAdvance:
    """How far a segment's clock has come in a flush.

    Attributes:
        event_time_max: the latest event time counted.
        clock_offset_seconds: the median of event time minus the record's time; below 0 where the
            sender's clock is behind. None where the records have no time.
        events: that were counted, those that sampling left out included.
    """

    segment: str
    event_time_max: datetime
    clock_offset_seconds: float | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class CountsBeside:
    """What another detector version counted of the same events' partitions: the one before a change."""

    detector: str
    windows: Sequence[WindowRecord]
    evidence: Sequence[EvidenceRecord] = ()


@dataclass(frozen=True, slots=True)
class FlushRecord:
    """Everything that one transaction writes: counts, evidence and how far they reach.

    Attributes:
        segments: how far the clocks of the segments in *windows* have come; to the start of its last
            window where a segment is not among them.
        kept_shards: files of taps, already written.
        kept_runs: what these files add to the runs of their segments.
        beside: what other detector versions counted.
    """

    stream: str
    detector: str
    advances: Sequence[OffsetAdvance]
    windows: Sequence[WindowRecord] = ()
    evidence: Sequence[EvidenceRecord] = ()
    summaries: Sequence[ScoreSummary] = ()
    segments: Sequence[SegmentAdvance] = ()
    kept_shards: Sequence[KeptShard] = ()
    kept_runs: Sequence[KeptRun] = ()
    beside: Sequence[CountsBeside] = ()

    @property
    def by_detector(self) -> list[FlushRecord]:
        """Return the counts of each version as a record, in the order in which their rows are locked."""
        own = replace(self, advances=(), kept_shards=(), kept_runs=(), beside=())
        others = [
            replace(
                own,
                detector=one.detector,
                windows=one.windows,
                evidence=one.evidence,
                summaries=(),
            )
            for one in self.beside
        ]
        return sorted([own, *others], key=lambda record: record.detector)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a flush that the database refused because of its content.

    Attributes:
        kind: ``window``, ``evidence`` or ``statistics``.
        of: its segment, or its layer.
        reason: the database's.
        is_lost: False where its counts were kept under another segment's name.
    """

    kind: str
    of: str
    reason: str
    is_lost: bool = True
