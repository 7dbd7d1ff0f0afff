"""The pages of the run: `driftgauge serve` in a process of its own, while the run goes on and after it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from types import TracebackType

from ..web.page_server import need_packages
from .agent_process import AgentProcess
from .broker import free_port

_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.2
_START_SECONDS = 120


class OpenPages:
    """Serves the pages of a run's database on this machine, between entry and exit.

    Args:
        settings: of the run.
        log: where the server's output goes.
    """

    def __init__(self, settings: Path, log: Path) -> None:
        need_packages()
        self._port = free_port()
        self._process = AgentProcess(
            ["serve", "--config", os.fspath(settings), "--host", _HOST, "--port", f"{self._port}"],
            log,
        )

    @property
    def address(self) -> str:
        """Where a browser finds them."""
        return f"http://{_HOST}:{self._port}"

    def __enter__(self) -> OpenPages:
        self._process.__enter__()
        try:
            self._wait_until_served()
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stop()

    def wait(self) -> None:
        """Return when the pages end; raise AgentProcessEnded, with its last words."""
        while True:
            self._process.check()
            time.sleep(1.0)

    def _wait_until_served(self) -> None:
        ends_at = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends_at:
            self._process.check()
            try:
                with socket.create_connection((_HOST, self._port), timeout=1):
                    return
            except OSError:
                time.sleep(_LOOK_SECONDS)
