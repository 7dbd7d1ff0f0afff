"""The section ``http`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field

from ..section import Section


class HttpSection(Section):
    """Metrics and health for those who watch the agent: /metrics, /healthz, /readyz."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. "0.0.0.0" lets other machines read it; there is no login, and no picture
    or secret in it."""
    port: int = Field(default=9464, ge=0, le=65535)
    """Port to listen on; 0 listens nowhere."""
    required: bool = False
    """What happens if the port is in use: false runs without pages, with a warning; true ends the
    agent."""
