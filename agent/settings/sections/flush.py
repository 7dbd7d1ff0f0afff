"""The section ``flush`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field

from ..section import Section


class FlushSection(Section):
    """How often counts reach the database."""

    interval_seconds: float = Field(default=5, gt=0, le=600)
    """Seconds between two flushes."""
