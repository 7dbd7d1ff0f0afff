"""The shell loops of a sidecar: the container goes on when the agent ends, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .compose_file import DEPLOY

OF_THE_CHART = (DEPLOY / "helm" / "driftgauge" / "files" / "sidecar.sh").read_text()
OF_THE_PAGE = "\n".join(
    re.findall(
        r"^ +(trap .*|while .*)$", (DEPLOY.parent / "docs" / "deploy.md").read_text(), re.MULTILINE
    )
)
FAILS_FIRST = """\
#!/bin/sh
echo "$*" >>"$HERE/starts"
[ "$(wc -l <"$HERE/starts")" -gt 2 ] || exit 1
trap 'echo left >>"$HERE/left"; exit 0' TERM
touch "$HERE/ready"
while :; do sleep 0.1; done
"""


@contextmanager
def sidecar(loop: str, folder: Path, *, restart_seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Run the loop as the container's first process would, with a program that fails first as ``driftgauge``."""
    (folder / "driftgauge").write_text(FAILS_FIRST)
    (folder / "driftgauge").chmod(0o755)
    own = {"PATH": f"{folder}:{os.environ['PATH']}", "HERE": str(folder)}
    process = subprocess.Popen(
        ["/bin/sh", "-c", loop.replace("sleep 10", f"sleep {restart_seconds}")],
        env=os.environ | own | {"RESTART_SECONDS": str(restart_seconds)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # all have left
            os.killpg(process.pid, signal.SIGKILL)  # a sleep that it left holds the pipe open, too
        process.communicate()


def wait_until(is_true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def starts(folder: Path) -> list[str]:
    path = folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


LOOPS = pytest.mark.parametrize("loop", [OF_THE_CHART, OF_THE_PAGE], ids=["chart", "page"])


@LOOPS
def test_an_agent_that_ends_is_started_again_and_told_to_leave(loop: str, tmp_path: Path) -> None:
    with sidecar(loop, tmp_path, restart_seconds=0.1) as process:
        wait_until((tmp_path / "ready").exists)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=60)
    assert starts(tmp_path) == ["run"] * 3
    assert (tmp_path / "left").read_text() == "left\n"
    if loop is OF_THE_CHART:
        assert complaints.count("driftgauge ended with exit code 1, see above") == 2


@LOOPS
def test_it_leaves_at_once_while_it_waits_to_start_again(loop: str, tmp_path: Path) -> None:
    with sidecar(loop, tmp_path, restart_seconds=600) as process:
        wait_until(lambda: len(starts(tmp_path)) == 1)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert starts(tmp_path) == ["run"]
