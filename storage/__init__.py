"""driftgauge's database: windows, alerts, detectors and offsets, in SQLite or PostgreSQL."""

from .agent_records import AgentRecord, HeartbeatRecord
from .database import Database
from .errors import (
    RecordConflict,
    RowRefused,
    SchemaOutOfDate,
    StaleFlush,
    StorageError,
    StoreUnavailable,
)
from .histogram import (
    ALPHAS,
    DEFAULT_ALPHA,
    EDGES,
    N_BINS,
    n_ood_bins,
)
from .periods import Period
from .records import (
    OTHER_VALUE,
    AlertRecord,
    AlertTransition,
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    Judgement,
    MonitorState,
    Notification,
    NotificationCount,
    OffsetAdvance,
    PartitionRecord,
    RateRow,
    RefusedRow,
    ScoreSummary,
    StreamRecord,
    Watermark,
    WindowRecord,
)
from .store import Store

__all__ = [
    "ALPHAS",
    "DEFAULT_ALPHA",
    "EDGES",
    "N_BINS",
    "OTHER_VALUE",
    "AgentRecord",
    "AlertRecord",
    "AlertTransition",
    "Database",
    "DetectorRecord",
    "EvidenceRecord",
    "FlushRecord",
    "HeartbeatRecord",
    "Judgement",
    "MonitorState",
    "Notification",
    "NotificationCount",
    "OffsetAdvance",
    "PartitionRecord",
    "Period",
    "RateRow",
    "RecordConflict",
    "RefusedRow",
    "RowRefused",
    "SchemaOutOfDate",
    "ScoreSummary",
    "StaleFlush",
    "StorageError",
    "Store",
    "StoreUnavailable",
    "StreamRecord",
    "Watermark",
    "WindowRecord",
    "n_ood_bins",
]
