"""A webhook on loopback that takes the agent's alerts, checks their signature and keeps them."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from ..notify.sinks.webhook import is_signed

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One message as it arrived.

    Attributes:
        at: when, by this machine's clock.
        status: ``firing`` or ``resolved``.
        kind: the step of the alert.
        title: its subject line.
        text: what a person reads.
    """

    at: datetime
    status: str
    kind: str
    title: str
    text: str


class Inbox:
    """Serves while the block runs; *file* gets every body, a line each."""

    def __init__(self, file: Path) -> None:
        self.secret = secrets.token_hex(16)
        self.messages: list[InboxMessage] = []
        self._file = file
        file.touch()
        self._keys: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def __enter__(self) -> Inbox:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, body: bytes, signature: str, key: str) -> bool:
        """Keep a message; return whether its signature is right. A repeated one is kept once."""
        if not is_signed(self.secret, signature, body):
            return False
        if key not in self._keys:
            self._keys.add(key)
            message: dict[str, Any] = json.loads(body)
            self.messages.extend(_message(alert) for alert in message["alerts"])
            with self._file.open("ab") as file:
                file.write(body + b"\n")
        return True


def _message(alert: dict[str, Any]) -> InboxMessage:
    return InboxMessage(
        datetime.now(UTC),
        alert["status"],
        alert.get("driftgauge", {}).get("kind", ""),
        alert["annotations"]["summary"],
        alert["annotations"]["description"],
    )


def _handler(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = min(int(self.headers.get("Content-Length", 0)), _MAX_BYTES)
            taken = inbox.take(
                self.rfile.read(size),
                self.headers.get("Driftgauge-Signature", ""),
                self.headers.get("Idempotency-Key", ""),
            )
            self.send_response(204 if taken else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the demonstration has the terminal."""

    return Handler
