"""driftgauge's database: windows, alerts, detectors and offsets, in SQLite or PostgreSQL."""

from .database import Database
from .errors import RecordConflict, SchemaOutOfDate, StaleFlush, StorageError, StoreUnavailable
from .periods import Period
from .records import (
    EDGES,
    N_BINS,
    N_OOD_BINS,
    AlertRecord,
    AlertTransition,
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    Judgement,
    MonitorState,
    OffsetAdvance,
    PartitionRecord,
    RateRow,
    ScoreSummary,
    StreamRecord,
    Watermark,
    WindowRecord,
)
from .store import Store

__all__ = [
    "EDGES",
    "N_BINS",
    "N_OOD_BINS",
    "AlertRecord",
    "AlertTransition",
    "Database",
    "DetectorRecord",
    "EvidenceRecord",
    "FlushRecord",
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
]
