"""driftgauge's database: windows, alerts, detectors and offsets, in SQLite or PostgreSQL."""

from .database import Database
from .errors import RecordConflict, SchemaOutOfDate, StaleFlush, StorageError, StoreUnavailable
from .periods import Period
from .records import (
    DEFAULT_ALPHA,
    EDGES,
    N_BINS,
    AgentRecord,
    AlertRecord,
    AlertTransition,
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    OffsetAdvance,
    PartitionRecord,
    RateRow,
    ScoreSummary,
    StreamRecord,
    Watermark,
    WindowRecord,
    n_ood_bins,
)
from .store import Store

__all__ = [
    "DEFAULT_ALPHA",
    "EDGES",
    "N_BINS",
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
    "OffsetAdvance",
    "PartitionRecord",
    "Period",
    "RateRow",
    "RecordConflict",
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
