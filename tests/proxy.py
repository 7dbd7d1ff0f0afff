"""A TCP proxy on loopback that can freeze, cut and spoil what passes through it."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 64 * 1024


class Proxy:
    """Stands in front of one server; a context manager.

    Args:
        target: the server's port on loopback.
        port: to listen at; 0 takes a free one.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", port))
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._refuses = False
        self._to_spoil = 0
        self._dice = random.Random(5)
        self.n_spoilt = 0

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let nothing through for the block; connections stay open."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Drop every connection, and each new one, for the block."""
        self._refuses = True
        self.drop()
        try:
            yield
        finally:
            self._refuses = False

    def drop(self) -> None:
        """Drop every connection now."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _shut(end)

    def spoil(self, n: int) -> None:
        """Flip one bit in each of the server's next *n* large pieces, those that carry records."""
        self._to_spoil = n

    def __enter__(self) -> Proxy:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._refuses = True
        _shut(self._server)  # closing alone would not wake the thread, which keeps the port
        self._acceptor.join()
        self._open.set()
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            if self._refuses:
                _shut(client)
                _shut(server)
                continue
            with self._lock:
                self._pairs.append((client, server))
            self._pump(client, server, spoils=False)
            self._pump(server, client, spoils=True)

    def _pump(self, source: socket.socket, sink: socket.socket, *, spoils: bool) -> None:
        def run() -> None:
            with contextlib.suppress(OSError):
                while piece := source.recv(_CHUNK):
                    self._open.wait()
                    sink.sendall(self._spoilt(piece) if spoils else piece)
            _shut(source)
            _shut(sink)

        threading.Thread(target=run, daemon=True).start()

    def _spoilt(self, piece: bytes) -> bytes:
        if self._to_spoil == 0 or len(piece) < 8_000:
            return piece
        self._to_spoil -= 1
        self.n_spoilt += 1
        spoilt = bytearray(piece)
        spoilt[self._dice.randrange(len(piece) // 2, len(piece) - 100)] ^= 1 << 4
        return bytes(spoilt)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
