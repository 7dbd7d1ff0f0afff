"""A package index on loopback with one tiny package, and what it was asked for."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PACKAGE = "tinydep"
WHEEL = f"{PACKAGE}-1.0-py3-none-any.whl"


@dataclass
class Index:
    """The running index.

    Attributes:
        asked: each request: the installer's name, and the path or, as a proxy gets it, the address.
    """

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    def installers(self) -> set[str]:
        """Return who asked for the package."""
        return {name for name, path in self.asked if f"/simple/{PACKAGE}/" in path}


@contextmanager
def serving_index() -> Iterator[Index]:
    index = Index()
    wheel = tiny_wheel()
    pages = {
        f"/simple/{PACKAGE}/": f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode(),
        f"/files/{WHEEL}": wheel,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            agent = self.headers.get("User-Agent", "").partition("/")[0]
            index.asked.append((agent, self.path))
            body = pages.get(urlsplit(self.path).path)
            self.send_response(404 if body is None else 200)
            kind = "text/html" if self.path.endswith("/") else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body or b"")

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tiny_wheel() -> bytes:
    info = f"{PACKAGE}-1.0.dist-info"
    files = {
        f"{PACKAGE}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return wheel_of(files, f"{info}/RECORD")


def wheel_of(files: dict[str, str], record: str) -> bytes:
    rows = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{name},sha256={digest.decode()},{len(text)}")
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in {**files, record: "\n".join([*rows, f"{record},,"]) + "\n"}.items():
            archive.writestr(name, text)
    return sink.getvalue()
