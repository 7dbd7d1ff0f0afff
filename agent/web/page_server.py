"""Serving the pages: uvicorn, with a deadline for each connection and a bound on their number.

A client that sends or reads a byte at a time holds nothing but its own connection, and that for a
minute at most; at the bound a new connection closes the oldest, so that a probe is always answered.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

from ..errors import MissingPackage, SettingsError
from ..log import action

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 60.0
"""For a connection from its first byte to its last."""

MAX_CONNECTIONS = 128
_LEAVE_SECONDS = 5


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise SettingsError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SettingsError(
            f"cannot serve pages at {host}:{port}: {error.strerror or error}",
            hint="set web.port to a free port, or to 0 for any",
        ) from error


def address_of(listening: socket.socket) -> str:
    """Return the address of *listening* as a browser takes it."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if listening.family == socket.AF_INET6 else host
    return f"http://{shown}:{port}"


def make_server(
    app: Any,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
    max_connections: int = MAX_CONNECTIONS,
) -> Any:
    """Return an uvicorn server of *app*: `serve_pages` runs it, a test may in a thread."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http=_bounded_protocol(deadline_seconds, max_connections),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the doorkeeper itself looks who is at the other end
        timeout_keep_alive=int(min(deadline_seconds, 15)) or 1,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    return uvicorn.Server(config)


def serve_pages(app: Any, listening: socket.socket) -> None:
    """Serve *app* until SIGTERM or SIGINT."""
    server = make_server(app)
    log.info("serving pages at %s", address_of(listening), extra=action("web_started"))
    server.run(sockets=[listening])
    log.info("the page server stopped", extra=action("web_stopped"))


def need_packages() -> None:
    """Raise MissingPackage unless the extra ``web`` is installed."""
    from driftgauge.extras import install_command

    try:
        import starlette
        import uvicorn
    except ImportError as error:
        raise MissingPackage(
            f"the pages need the package {error.name}", hint=install_command("agent", "web")
        ) from error
    del starlette, uvicorn


def _bounded_protocol(deadline_seconds: float, max_connections: int) -> type:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    oldest_first: dict[asyncio.Transport, None] = {}

    class BoundedProtocol(H11Protocol):  # type: ignore[misc]  # uvicorn is not looked into
        """One connection, which ends at its deadline, or when a newer one needs its place."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            if len(oldest_first) >= max_connections:
                oldest = next(iter(oldest_first))
                del oldest_first[oldest]
                oldest.abort()
            oldest_first[transport] = None
            self._ending = asyncio.get_running_loop().call_later(deadline_seconds, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            oldest_first.pop(self.transport, None)
            self._ending.cancel()
            super().connection_lost(exc)

    return BoundedProtocol
