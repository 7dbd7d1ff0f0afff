"""The pages beside an agent come back when they end, and end with the agent."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from driftgauge.agent.process.page_process import pages_beside
from driftgauge.agent.web.page_server import open_socket
from driftgauge.storage import Store

from ...stores import upgraded


def children() -> set[int]:
    """Return the processes that this one started."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for file in found for pid in file.read_text().split()}


def wait_until(holds: Callable[[], object], seconds: float = 90) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.2)


def test_pages_are_served_beside_again_after_their_end_and_no_longer_than_the_agent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/driftgauge.db"
    with closing(upgraded(url)) as database:
        Store(database).ensure_stream("line-3", "images", 60)
    with closing(open_socket("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    others = children()  # servers that tests before this one share
    with pages_beside(("--store", url, "--port", f"{port}"), again_seconds=0.2):
        wait_until(answers)
        (first,) = children() - others
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: children() - others - {first})
        wait_until(answers)
    assert children() - others == set()
    assert not answers()
    assert "the page server ended with exit code -9 and is started again" in caplog.text
