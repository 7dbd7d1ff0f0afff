"""driftgauge's database: windows, alerts, detectors and offsets, in SQLite or PostgreSQL."""

from .agent_records import AgentRecord, HeartbeatRecord
from .alert_records import (
    ENDED_STATES,
    LIVE_STATES,
    SENT_TAPS,
    SEVERITIES,
    SILENCE,
    STALE,
    UNRATED,
    VERDICTS,
    AlertRecord,
    AlertTransition,
    VerdictCount,
)
from .arrival_records import Arrivals, ArrivalsLook, ArrivalsRead
from .class_rates import ClassPeriod, ClassRate
from .closing import POOL_WAIT_WINDOWS
from .database import Database
from .delivery_records import NotificationAttempts, NotificationCount
from .detector_records import (
    DetectorAction,
    DetectorChange,
    DetectorFigures,
    DetectorRecord,
    DetectorStatus,
)
from .detectors import activations
from .errors import (
    QueryRefused,
    QueryTimedOut,
    RecordConflict,
    RowRefused,
    SchemaOutOfDate,
    StaleFlush,
    StorageError,
    StoreUnavailable,
)
from .export import EXPORTED, ColumnKind
from .flush_records import (
    OTHER_VALUE,
    CountsBeside,
    EvidenceRecord,
    FlushRecord,
    OffsetAdvance,
    RefusedRow,
    ScoreSummary,
    SegmentAdvance,
    WindowRecord,
)
from .histogram import ALPHAS, DEFAULT_ALPHA, EDGES, N_BINS, n_ood_bins
from .histogram_rows import HistogramRows, WindowHistogram
from .incident_records import IncidentRecord, IncidentStep, Notification
from .judgement_records import Claim, Judgement, LateCounts, MonitorState, SegmentProgress
from .kept import Kept
from .kept_records import KeptRun, KeptShard
from .labels import CLASSES, CONFIDENCE, LABEL_LAYERS, N_CLASSES, OTHER_CLASSES, shown_classes
from .mute_records import MuteRecord, is_muted
from .notifications import BACKLOG_STATES
from .periods import Period
from .progress import POOL
from .query import QueryResult
from .retention import KeepSpans, LevelKeep
from .retraining_records import GateCheck, RetrainingRecord, ReviewRecord
from .segment_records import WHOLE_SEGMENT, BaselineSource, SegmentBaseline, SegmentStateRow
from .shadow_rates import ShadowRate
from .shadows import is_shadow, shadow_name, version_of
from .store import Store
from .stream_records import PartitionRecord, RateRow, StreamRecord
from .trial_records import ShadowAlarm, ShadowBlock, TrialRecord

__all__ = [
    "ALPHAS",
    "BACKLOG_STATES",
    "CLASSES",
    "CONFIDENCE",
    "DEFAULT_ALPHA",
    "EDGES",
    "ENDED_STATES",
    "EXPORTED",
    "LABEL_LAYERS",
    "LIVE_STATES",
    "N_BINS",
    "N_CLASSES",
    "OTHER_CLASSES",
    "OTHER_VALUE",
    "POOL",
    "POOL_WAIT_WINDOWS",
    "SENT_TAPS",
    "SEVERITIES",
    "SILENCE",
    "STALE",
    "UNRATED",
    "VERDICTS",
    "WHOLE_SEGMENT",
    "AgentRecord",
    "AlertRecord",
    "AlertTransition",
    "Arrivals",
    "ArrivalsLook",
    "ArrivalsRead",
    "BaselineSource",
    "Claim",
    "ClassPeriod",
    "ClassRate",
    "ColumnKind",
    "CountsBeside",
    "Database",
    "DetectorAction",
    "DetectorChange",
    "DetectorFigures",
    "DetectorRecord",
    "DetectorStatus",
    "EvidenceRecord",
    "FlushRecord",
    "GateCheck",
    "HeartbeatRecord",
    "HistogramRows",
    "IncidentRecord",
    "IncidentStep",
    "Judgement",
    "KeepSpans",
    "Kept",
    "KeptRun",
    "KeptShard",
    "LateCounts",
    "LevelKeep",
    "MonitorState",
    "MuteRecord",
    "Notification",
    "NotificationAttempts",
    "NotificationCount",
    "OffsetAdvance",
    "PartitionRecord",
    "Period",
    "QueryRefused",
    "QueryResult",
    "QueryTimedOut",
    "RateRow",
    "RecordConflict",
    "RefusedRow",
    "RetrainingRecord",
    "ReviewRecord",
    "RowRefused",
    "SchemaOutOfDate",
    "ScoreSummary",
    "SegmentAdvance",
    "SegmentBaseline",
    "SegmentProgress",
    "SegmentStateRow",
    "ShadowAlarm",
    "ShadowBlock",
    "ShadowRate",
    "StaleFlush",
    "StorageError",
    "Store",
    "StoreUnavailable",
    "StreamRecord",
    "TrialRecord",
    "VerdictCount",
    "WindowHistogram",
    "WindowRecord",
    "activations",
    "is_muted",
    "is_shadow",
    "n_ood_bins",
    "shadow_name",
    "shown_classes",
    "version_of",
]
