"""The pages of the run: `driftgauge serve` in a process of its own, while the run goes on and after it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ..terminal.printing import print_line
from ..web.page_server import need_packages
from .agent_process import AgentProcess
from .broker import free_port
from .stage import Stage

_Outcome = TypeVar("_Outcome")

_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.2
START_SECONDS = 120


class OpenPages:
    """Serves the pages of a run's database on this machine, between entry and exit.

    Args:
        settings: of the run.
        log: where the server's output goes.

    Attributes:
        is_up: whether they answered in the time that they had at entry.
    """

    def __init__(self, settings: Path, log: Path) -> None:
        need_packages()
        self.is_up = False
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
            self.is_up = self._wait_until_served()
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

    def _wait_until_served(self) -> bool:
        ends_at = time.monotonic() + START_SECONDS
        while time.monotonic() < ends_at:
            self._process.check()
            try:
                with socket.create_connection((_HOST, self._port), timeout=1):
                    return True
            except OSError:
                time.sleep(_LOOK_SECONDS)
        return False


def finish_with_pages(finish: Callable[[], _Outcome], stage: Stage) -> _Outcome:
    """Return what *finish* returns; the run's pages are up meanwhile, and then until Ctrl-C."""
    with OpenPages(stage.workspace.settings, stage.workspace.pages_log) as pages:
        _tell_pages(pages, stage)
        outcome = finish()
        print_line("Pages: ", (pages.address, "bold"), ", until Ctrl-C", console=stage.console)
        with suppress(KeyboardInterrupt):
            pages.wait()
    return outcome


def _tell_pages(pages: OpenPages, stage: Stage) -> None:
    where = (pages.address, "bold")
    if pages.is_up:
        print_line("Pages, live from now on: ", where, console=stage.console)
        return
    print_line(
        ("The pages do not answer ", "yellow"),
        f"after {START_SECONDS} s. The run goes on without them; they may still come up at ",
        *(where, f". Their log is {stage.workspace.pages_log}"),
        console=stage.console,
    )
