"""What storage takes and gives back: plain frozen values, no SQL in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .histogram import DEFAULT_ALPHA
from .segment_records import SegmentBaseline, SegmentStateRow

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
class FlushRecord:
    """Everything that one transaction writes: counts, evidence and how far they reach.

    Attributes:
        segments: how far the clocks of the segments in *windows* have come; to the start of its last
            window where a segment is not among them.
    """

    stream: str
    detector: str
    advances: Sequence[OffsetAdvance]
    windows: Sequence[WindowRecord] = ()
    evidence: Sequence[EvidenceRecord] = ()
    summaries: Sequence[ScoreSummary] = ()
    segments: Sequence[SegmentAdvance] = ()


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


LIVE_STATES = ("open", "acknowledged")
"""States of an alert that is not over."""

ENDED_STATES = ("resolved", "gone")
"""States of an alert that is over; ``gone``: its segment fell silent, so that nobody knows."""

VERDICTS = ("real", "false", "accepted")
"""What a person found an alert to be; ``accepted``: a real change, which is normal from now on."""

SEVERITIES = ("info", "warning", "critical")
"""Severities of an alert, the least first."""


SILENCE = "silence"
"""The `AlertRecord.test` of a segment that has fallen silent; such an alert has no rate and no layers."""


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A claim to a person that a segment changed.

    Attributes:
        id: given by the database; None before it is stored.
        test: the drift test that raised it, such as ``betting``.
        state: ``open``, ``acknowledged``, ``resolved`` or ``gone``.
        severity: ``info``, ``warning`` or ``critical``; the highest it ever had.
        opened_at: wall clock of the agent that raised it.
        since: event time at which the evidence began to grow (the change point's estimate).
        window_start: event time of the window that raised it.
        refreshed_at: event time of the latest window that raised it again.
        resolved_at: wall clock, when it was resolved or gone; None while it lives.
        rate_now: OOD rate since *since*, 0 to 1.
        rate_normal: the segment's own OOD rate on its reference, 0 to 1.
        events: events counted since *since*.
        layers: moved layers, most moved first: ``{"layer", "depth", "share", "direction"}``.
        message: the claim in words.
        rate_peak: the highest *rate_now* that it ever had; at least *rate_now*.
        reopened: how often it was raised again within the cool-down after it had ended.
        log_e_value: natural logarithm of the strongest evidence against "nothing changed"; None
            where its test gives none.
        news: what changed again while it lived, told as a step of its life; not stored with it.
        verdict: a person's, one of `VERDICTS`; None before.
        incident_id: of the incident that it is part of; given by the database.
    """

    id: int | None
    stream: str
    segment: str
    test: str
    detector: str
    state: str
    severity: str
    opened_at: datetime
    since: datetime
    window_start: datetime
    refreshed_at: datetime
    resolved_at: datetime | None
    rate_now: float
    rate_normal: float
    events: int
    layers: Sequence[Mapping[str, object]]
    message: str
    rate_peak: float = 0.0
    reopened: int = 0
    log_e_value: float | None = None
    verdict: str | None = None
    incident_id: int | None = None
    news: str = ""


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How often one test's alerts were right, by the word of people.

    Attributes:
        alerts: that were ever opened.
        unjudged: of these, without a verdict.
    """

    test: str
    alerts: int
    real: int
    accepted: int
    false: int
    unjudged: int


@dataclass(frozen=True, slots=True)
class MonitorState:
    """How far the monitor has come with one detector's windows.

    Attributes:
        cursor: start of the newest window judged, of any segment.
        state: JSON text of what belongs to no single segment.
    """

    cursor: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one monitor turn writes in one transaction.

    Attributes:
        previous_cursor: the cursor that the turn started from, None at first; guards the write.
        alerts: new ones (``id`` None) and changed ones.
        claim: what the turn has judged, so that nothing of it is judged again.
        incident_span: of event time; changes that begin so near to each other are one incident.
        detector: version whose windows were judged; each has a cursor and evidence of its own.
        baselines: that the turn has learnt.
        states: rows that have changed.
        forgotten: segments of which baseline and evidence are deleted.
    """

    stream: str
    previous_cursor: datetime | None
    monitor: MonitorState
    alerts: Sequence[AlertRecord] = field(default_factory=tuple)
    claim: Claim | None = None
    incident_span: timedelta = timedelta(minutes=5)
    detector: str = ""
    baselines: Sequence[SegmentBaseline] = ()
    states: Sequence[SegmentStateRow] = ()
    forgotten: Sequence[str] = ()


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
class SegmentProgress:
    """How far a segment has come, for one detector.

    Attributes:
        event_time_max: the latest event time counted.
        counted_at: when that was, or anything after it, by the database's clock.
        clock_offset_seconds: as of the last flush; see `SegmentAdvance`.
        claimed_until: start of the last window that a turn has taken; what is counted for it or
            for one before it is late.
        judged_until: start of the last window judged; None before the first.
        claims: how often a turn has taken windows of the segment.
        waiting_since: the database's time when the oldest count came that no turn has judged yet;
            None when all are judged.
        events: that were ever counted.
    """

    segment: str
    event_time_max: datetime
    counted_at: datetime
    clock_offset_seconds: float | None
    claimed_until: datetime | None
    judged_until: datetime | None
    claims: int
    waiting_since: datetime | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What one segment sent so far, whatever detector scored it; by the database's clock.

    Attributes:
        arrived_at: when an event was last counted.
        events: how many were ever counted.
    """

    segment: str
    arrived_at: datetime
    events: int


@dataclass(frozen=True, slots=True)
class ArrivalsRead:
    """Where a stream's segments stand, read at one moment.

    Attributes:
        at: the database's time.
        looked_at: when `ArrivalsLook` was last written; None before the first time.
    """

    at: datetime
    looked_at: datetime | None
    segments: Sequence[Arrivals]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalsLook:
    """What a look at the arrivals writes, in one transaction.

    Attributes:
        read: what it started from; guards the write.
        patterns: by segment, what is known of its arrivals, as bytes; None to forget it. Others stay.
        alerts: new ones (``id`` None) and changed ones.
    """

    stream: str
    read: ArrivalsRead
    patterns: Mapping[str, bytes | None] = field(default_factory=dict)
    alerts: Sequence[AlertRecord] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class LateCounts:
    """What one flush counted for a window that a turn had taken before."""

    id: int
    segment: str
    layer: str
    window_start: datetime
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one turn is to judge.

    Attributes:
        detector: version whose windows these are.
        at: the database's time.
        windows: of closed windows that no turn has judged, in order of start.
        late: counts of windows that were judged before.
        progress: of every segment of the detector, after the claim.
        taken: those of which windows were taken, as they were: `SegmentProgress.judged_until` is the
            last window judged before.
        unfinished: those of them of which more has closed than one claim takes.
    """

    detector: str
    at: datetime
    windows: Sequence[WindowRecord]
    late: Sequence[LateCounts]
    progress: Sequence[SegmentProgress]
    taken: Sequence[str]
    unfinished: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DetectorRecord:
    """One registered detector version."""

    detector: str
    stream: str
    uri: str
    created_at: datetime
    active: bool
    manifest: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RateRow:
    """An OOD rate of one period, as ``driftgauge rates`` prints it.

    Attributes:
        events: that were scored.
        ood_events: of these, with a p-value of at most *alpha*.
        ood_rate: among all events that these stand for, so that sampling does not bend it.
        represented: how many those are; *events* where nothing was sampled.
        alpha: what "out of distribution" means: the stream's.
    """

    period_start: datetime
    segment: str
    layer: str
    detector: str
    events: int
    ood_events: int
    ood_rate: float
    represented: int
    alpha: float = DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One topic watched for one model.

    Attributes:
        alpha: an event is out of distribution when its combined p-value is at most this.
    """

    stream: str
    topic: str
    window_seconds: int
    created_at: datetime
    alpha: float = DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """How far one partition is counted.

    Attributes:
        next_offset: the first offset that the counts do not include.
        event_time_max: the latest event time counted; None while every event was undecodable.
        flushed_at: wall clock of the flush that last moved the offset.
        sampled_out: records so far that sampling left out.
        topic_id: the broker's id of the topic that the offsets belong to; None if it returned none.
    """

    topic: str
    partition: int
    next_offset: int
    event_time_max: datetime | None
    flushed_at: datetime
    sampled_out: int = 0
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """One step in the life of an alert.

    Attributes:
        from_state: None when the alert was opened.
        by: ``monitor``, or the person.
    """

    alert_id: int
    from_state: str | None
    to_state: str
    at: datetime
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class NotificationAttempts:
    """How often one notification was tried in vain, and for how long by the database's clock."""

    id: int
    attempts: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class NotificationCount:
    """How many notifications of one sink are in one state, and the newest one's last error."""

    sink: str
    state: str
    count: int
    last_error: str
