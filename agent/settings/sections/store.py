"""The section ``store`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field, SecretStr

from ..secret import masked_url
from ..section import Section


class StoreSection(Section):
    """The database: SQLite to begin with, PostgreSQL for production."""

    url: SecretStr = Field(
        default=SecretStr("sqlite:///driftgauge.db"),
        examples=["postgresql://driftgauge:PASSWORD@db.internal/driftgauge"],
    )
    """Database address; its password is never printed or logged."""

    keep_windows_days: float = Field(default=14, ge=1, le=36500)
    """Days for which counts are kept as they were made, by window. Older ones are kept by hour. Where
    streams that share a database differ, the longest time holds, here and below."""
    keep_hours_days: float = Field(default=400, ge=0, le=36500)
    """Days for which counts are kept by hour; older ones are kept by day. 0 means for ever."""
    keep_days_days: float = Field(default=0, ge=0, le=36500)
    """Days for which counts are kept by day; 0 means for ever."""

    def masked_url(self) -> str:
        """Return the address with its password hidden."""
        return masked_url(self.url.get_secret_value())
