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

    def masked_url(self) -> str:
        """Return the address with its password hidden."""
        return masked_url(self.url.get_secret_value())
