"""The section ``web`` of ``driftgauge.toml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from ..section import Section, Words


class WebSection(Section):
    """Pages in a browser: `driftgauge serve`, or `driftgauge run --pages`."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. The pages show pictures: before "0.0.0.0", read docs/pages.md."""
    port: int = Field(default=9465, ge=0, le=65535)
    """Port to listen on; 0 takes a free one and prints it."""
    allowed_hosts: Words = Field(default=(), examples=[("driftgauge.internal",)])
    """Names under which browsers may ask for the pages. Empty allows this machine's own names while
    host is one of them, and any name otherwise."""
    token: SecretStr | None = Field(default=None, examples=["SECRET"])
    """A long random word: who knows it may sign in and change things, such as acknowledge, mute and
    promote. Without it, and without user_header, the pages only show."""
    user_header: str = Field(
        default="", pattern=r"^[A-Za-z0-9-]{0,100}$", examples=["X-Forwarded-User"]
    )
    """Header in which a reverse proxy such as oauth2-proxy names who signed in there; they may change
    things. Believed only from trusted_proxies."""
    trusted_proxies: Words = ("127.0.0.1", "::1")
    """Addresses and networks of the reverse proxy, such as 10.0.0.0/8."""
    sign_in: Literal["changes", "everything"] = "changes"
    """What needs signing in: only changes, or also to look."""
