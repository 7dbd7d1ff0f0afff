"""What a turn of the monitor takes and writes: plain frozen values, no SQL in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .alert_records import AlertRecord
from .histogram_rows import HistogramRows
from .incident_records import SiteOf, no_site
from .segment_records import SegmentBaseline, SegmentStateRow
from .trial_records import ShadowAlarm


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
    windows: HistogramRows
    late: Sequence[LateCounts]
    progress: Sequence[SegmentProgress]
    taken: Sequence[str]
    unfinished: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one monitor turn writes in one transaction.

    Attributes:
        previous_cursor: the cursor that the turn started from, None at first; guards the write.
        alerts: new ones (``id`` None) and changed ones.
        claim: what the turn has judged, so that nothing of it is judged again.
        incident_span: of event time; changes that begin so near to each other are one incident.
        site_of: the site of a segment, None where it has none; changes of two sites are never one
            incident.
        detector: version whose windows were judged; each has a cursor and evidence of its own.
        baselines: that the turn has learnt.
        states: rows that have changed.
        forgotten: segments of which baseline and evidence are deleted.
        shadow_alarms: alerts that a shadow would have raised; *detector* is its name.
    """

    stream: str
    previous_cursor: datetime | None
    monitor: MonitorState
    alerts: Sequence[AlertRecord] = field(default_factory=tuple)
    claim: Claim | None = None
    incident_span: timedelta = timedelta(minutes=5)
    site_of: SiteOf = no_site
    detector: str = ""
    baselines: Sequence[SegmentBaseline] = ()
    states: Sequence[SegmentStateRow] = ()
    forgotten: Sequence[str] = ()
    shadow_alarms: Sequence[ShadowAlarm] = ()
