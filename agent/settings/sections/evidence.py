"""The section ``evidence`` of ``driftgauge.toml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..section import MIB, Section


class EvidenceSection(Section):
    """Images kept to show a person."""

    thumbnails: Literal["keep", "blur", "none"] = "keep"
    """"keep" stores small pictures, "blur" makes people unrecognisable, "none" stores none."""
    per_window: int = Field(default=3, ge=0, le=100)
    """Most unusual events kept per segment and window; 0 keeps none."""
    keep_days: float = Field(default=30, gt=0, le=3650)
    """Days after which evidence is deleted, by the database's clock, from when it was kept, whatever its events
    are dated."""
    max_bytes: int = Field(default=1024 * MIB, ge=0)
    """Bytes of thumbnails kept per stream; the oldest go first."""
