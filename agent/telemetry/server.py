"""A small HTTP server in one thread next to the loop; a slow client does not delay others.

The standard library's asyncio, since three short answers need no framework. What matters here is what
servers leave open: a deadline for a whole connection, not for each byte of it, and a bound on
connections at which a new one closes the oldest, so that a probe is always answered.
"""

from __future__ import annotations

import asyncio
import http
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..log import action

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"""At one more, the oldest is closed: readers that send a byte a second must not shut a probe out."""
MAX_HEAD_BYTES = 16 * 1024
TIMEOUT_SECONDS = 5.0
"""For a connection from its first byte to its last."""

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent back."""

    body: bytes
    content_type: str = TEXT
    status: int = 200


Route = Callable[[str], Response]
"""Gets the ``Accept`` header. It must be quick and only read memory: others wait for it."""


class HttpServer:
    """Serves *routes* from a thread of its own, between `start` and `close`.

    Args:
        port: 0 takes a free one; `address` says which.
        routes: path to what answers it.
        timeout_seconds: for a whole connection; slower ones are closed.

    Raises:
        OSError: the port is taken, or the host is not this machine's.
    """

    def __init__(
        self,
        host: str,
        port: int,
        routes: Mapping[str, Route],
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._routes = dict(routes)
        self._timeout_seconds = timeout_seconds
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=self._family, backlog=128)
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._connections: dict[asyncio.Task[None], None] = {}
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def address(self) -> str:
        """Return ``host:port``."""
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if self._family == socket.AF_INET6 else f"{host}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self, timeout_seconds: float = TIMEOUT_SECONDS) -> bool:
        """Answer no more; return whether the thread ended in time."""
        if not self._thread.is_alive():
            self._socket.close()
            return True
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._connected, sock=self._socket, limit=MAX_HEAD_BYTES
        )
        await self._done.wait()
        server.close()
        await self._end([*self._connections])

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:  # never: asyncio runs this in a task
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            next(iter(self._connections)).cancel()
        self._connections[task] = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._talk(reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            log.debug(
                "a client of %s disconnected or was too slow",
                self.address,
                extra=action("http_left"),
            )
        finally:
            self._connections.pop(task, None)
            writer.transport.abort()  # what was written was drained, and nobody waits for more

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, accept = _parse(head)
        except (asyncio.LimitOverrunError, ValueError):
            writer.write(_encode(Response(b"not a request that is understood\n", status=400)))
        else:
            response = self._response(method, target, accept)
            writer.write(_encode(response, with_body=method != "HEAD"))
        await writer.drain()
        writer.write_eof()
        while await reader.read(MAX_HEAD_BYTES):  # until it leaves: closing earlier could cost it
            pass  # what is still on its way

    def _response(self, method: str, target: str, accept: str) -> Response:
        if method not in ("GET", "HEAD"):
            return Response(b"only GET and HEAD are served\n", status=501)
        route = self._routes.get(urlsplit(target).path)
        if route is None:
            known = " ".join(self._routes)
            return Response(f"no such page; the pages are: {known}\n".encode(), status=404)
        try:
            return route(accept)
        except Exception:  # any: a page must not end the server
            log.exception("%s failed", urlsplit(target).path, extra=action("http_failed"))
            return Response(b"failed; the agent's log has the reason\n", status=500)


def _parse(head: bytes) -> tuple[str, str, str]:
    """Return method, target and ``Accept``; raise ValueError where it is no request."""
    request, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = request.split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"got version {version!r}, wanted HTTP/1")
    headers = (line.partition(":") for line in lines)
    found = [value.strip() for name, _, value in headers if name.strip().lower() == "accept"]
    return method, target, ", ".join(found)


def _encode(response: Response, *, with_body: bool = True) -> bytes:
    status = http.HTTPStatus(response.status)
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Server: driftgauge",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    encoded = "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"
    return encoded + response.body if with_body else encoded
