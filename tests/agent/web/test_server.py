"""Slow clients hold nothing but their own connection, and that for a while only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.web.page_server import MAX_CONNECTIONS, open_socket
from driftgauge.storage import Store

from .rig import fill, served

PATIENCE = 60.0
"""Seconds after which an answer that does not come is a failure, on a busy machine too."""


def connect(address: str) -> socket.socket:
    place = urlsplit(address)
    assert place.hostname is not None
    assert place.port is not None
    return socket.create_connection((place.hostname, place.port))


@contextmanager
def dripping(address: str, n_readers: int) -> Iterator[list[socket.socket]]:
    """Send a byte of a request that never ends through each of many connections, again and again."""
    stop = threading.Event()

    def drip(readers: list[socket.socket]) -> None:
        while not stop.wait(0.05):
            for reader in readers:
                with suppress(OSError):
                    reader.sendall(b"G")

    with ExitStack() as stack:
        readers = [stack.enter_context(closing(connect(address))) for _ in range(n_readers)]
        thread = threading.Thread(target=drip, args=(readers,))
        thread.start()
        try:
            yield readers
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("n_readers", [40, 2 * MAX_CONNECTIONS])
def test_probes_answer_while_many_connections_drip(store: Store, url: str, n_readers: int) -> None:
    fill(store)
    # None is closed for its time, so that only the place made for new ones lets a probe in.
    with (
        served(url, deadline_seconds=10 * PATIENCE) as address,
        dripping(address, n_readers),
    ):
        for _ in range(10):
            assert httpx.get(f"{address}/healthz", timeout=PATIENCE).status_code == 200


def test_a_connection_ends_at_its_deadline_whatever_it_sends(store: Store, url: str) -> None:
    fill(store)
    with (
        served(url, deadline_seconds=0.5) as address,
        dripping(address, 1) as (reader,),
    ):
        reader.settimeout(PATIENCE)  # it goes on sending: without a deadline it is never closed
        with suppress(ConnectionResetError):
            assert reader.recv(1) == b""


def test_a_reader_that_takes_nothing_holds_up_no_other(store: Store, url: str) -> None:
    fill(store, segments=("*", *(f"camera={n}" for n in range(200))))
    with served(url) as address, closing(connect(address)) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        for _ in range(20):
            reader.sendall(b"GET /streams/line-3 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert httpx.get(f"{address}/healthz", timeout=PATIENCE).status_code == 200


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with closing(open_socket("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot serve pages at 127.0.0.1:{port}"):
            open_socket("127.0.0.1", port)
