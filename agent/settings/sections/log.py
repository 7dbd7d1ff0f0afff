"""The section ``log`` of ``driftgauge.toml``."""

from __future__ import annotations

from typing import Literal

from ..section import Section


class LogSection(Section):
    """What the agent writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe line written."""
    format: Literal["text", "json"] = "text"
    """"text" for people, "json" (an object a line) for machines."""
