"""A small HTTP server beside the loop: it reads, and holds nobody up.

The standard library's, since three short answers need no framework; what is bounded here is what
that one leaves open: threads, time, and a name look-up at the start.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from ..log import action

log = logging.getLogger(__name__)

MAX_REQUESTS = 16
"""Requests answered at once; more wait, so that a reader without end cannot make threads without
end."""
MAX_WAITING = 16
TIMEOUT_SECONDS = 5.0

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent back."""

    body: bytes
    content_type: str = TEXT
    status: int = 200


Route = Callable[[str], Response]
"""Gets the ``Accept`` header."""


class HttpServer(ThreadingHTTPServer):
    """Serves *routes* from threads of its own, between `start` and `close`.

    Args:
        port: 0 takes a free one; `address` says which.
        routes: path to what answers it.

    Raises:
        OSError: the port is taken, or the host is not this machine's.
    """

    daemon_threads = True
    request_queue_size = MAX_WAITING

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.routes = dict(routes)
        self._free = threading.Semaphore(MAX_REQUESTS)
        self._thread = threading.Thread(target=self.serve_forever, name="http", daemon=True)
        super().__init__((host, port), _Handler)

    @property
    def address(self) -> str:
        """Return ``host:port``."""
        host, port = self.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Response no more."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Response in a thread of its own once one is free."""
        if not self._free.acquire(timeout=TIMEOUT_SECONDS):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Response, and let the next one in."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that went away is no news."""
        log.debug("a reader of %s went away", self.address, extra=action("http_left"))


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_SECONDS
    server: HttpServer
    server_version = "driftgauge"
    sys_version = ""

    def do_GET(self) -> None:
        self._send(self._answer(), with_body=True)

    def do_HEAD(self) -> None:
        self._send(self._answer(), with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a probe every second is no news."""

    def _answer(self) -> Response:
        route = self.server.routes.get(urlsplit(self.path).path)
        if route is None:
            known = " ".join(self.server.routes)
            return Response(f"no such page; there is: {known}\n".encode(), status=404)
        try:
            return route(self.headers.get("Accept", ""))
        except Exception:  # any: a page must not end the server
            log.exception("%s failed", self.path, extra=action("http_failed"))
            return Response(b"failed; the agent's log has the reason\n", status=500)

    def _send(self, answer: Response, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)
