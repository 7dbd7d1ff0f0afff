"""deploy/helm/driftgauge/files/sidecar.sh: the container goes on when the agent ends, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .compose_file import DEPLOY

LOOP = (DEPLOY / "helm" / "driftgauge" / "files" / "sidecar.sh").read_text()
FAILS_FIRST = """\
#!/bin/sh
echo "$*" >>"$HERE/starts"
[ "$(wc -l <"$HERE/starts")" -gt 2 ] || exit 1
trap 'echo left >>"$HERE/left"; exit 0' TERM
touch "$HERE/ready"
while :; do sleep 0.1; done
"""


@contextmanager
def sidecar(
    folder: Path, program: str, *, restart_seconds: float
) -> Iterator[subprocess.Popen[str]]:
    """Run the loop as the container's first process would, with *program* as ``driftgauge``."""
    (folder / "driftgauge").write_text(program)
    (folder / "driftgauge").chmod(0o755)
    own = {"PATH": f"{folder}:{os.environ['PATH']}", "HERE": str(folder)}
    process = subprocess.Popen(
        ["/bin/sh", "-c", LOOP],
        env=os.environ | own | {"RESTART_SECONDS": str(restart_seconds)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(is_true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def starts(folder: Path) -> list[str]:
    path = folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def test_an_agent_that_ends_is_started_again_and_told_to_leave(tmp_path: Path) -> None:
    with sidecar(tmp_path, FAILS_FIRST, restart_seconds=0.1) as process:
        wait_until((tmp_path / "ready").exists)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=20)
    assert starts(tmp_path) == ["run"] * 3
    assert (tmp_path / "left").read_text() == "left\n"
    assert process.returncode == 0
    assert complaints.count("driftgauge ended with exit code 1, see above") == 2


def test_it_leaves_at_once_while_it_waits_to_start_again(tmp_path: Path) -> None:
    with sidecar(tmp_path, FAILS_FIRST, restart_seconds=60) as process:
        wait_until(lambda: len(starts(tmp_path)) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert starts(tmp_path) == ["run"]
