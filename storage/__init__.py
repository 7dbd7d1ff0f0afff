"""driftgauge's database: windows, alerts, detectors and offsets, in SQLite or PostgreSQL."""

from .records import FlushRecord

__all__ = ["FlushRecord"]
