"""The section ``windows`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field

from ..section import Section


class WindowsSection(Section):
    """How event time is cut into windows."""

    seconds: int = Field(default=60, ge=1, le=86400)
    """Length of a window, in seconds of event time; fixed once a stream has data."""
    max_skew_seconds: float = Field(default=300, ge=0, le=86400)
    """An event dated more than this many seconds ahead of the clock counts at its arrival."""
