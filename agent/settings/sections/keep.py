"""The section ``keep`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field

from ..section import MIB, Section


class KeepSection(Section):
    """Taps of normal traffic that are kept for `driftgauge retrain` to learn from: numbers, no pictures."""

    taps: bool = True
    """Keep a sample of the taps that the agent computes anyway."""
    path: str = Field(default="kept", examples=["s3://bucket/driftgauge/kept"])
    """Folder of the kept taps, or a URL that fsspec knows. All agents of the stream must reach it."""
    runs_per_day: int = Field(default=12, ge=1, le=10_000)
    """Runs of consecutive windows that are kept of each segment and day. Which ones follows from a hash
    of their time: the same for every agent and every segment."""
    windows_per_run: int = Field(default=8, ge=1, le=10_000)
    """Windows that make a run. Whole runs are kept, since a baseline needs neighbours in time."""
    max_bytes_per_day: int = Field(default=256 * MIB, ge=MIB)
    """Bytes that are kept of a day, all segments together; beyond them whole runs go."""
    max_bytes: int = Field(default=4096 * MIB, ge=MIB)
    """Bytes that are kept in all; beyond them the oldest day goes first."""
    keep_days: float = Field(default=35, gt=0, le=3650)
    """Days after which kept taps are deleted, by the database's clock, from when the first of their run was kept:
    however old the events of an archive are, and whatever a camera's clock says."""
