"""An agent that is asked to stop leaves in its time, whatever hangs, and says what did not end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from driftgauge.agent.process.leaving import LeaveDeadline

ROOT = Path(__file__).parents[3]


def test_a_fetch_and_a_job_that_hang_do_not_keep_the_process_from_leaving(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.agent.process.hanging", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert "1 records were not scored in time; the next agent reads them" in lines
    assert any(line.startswith("1 decoding threads did not end within 0.5 s") for line in lines)
    assert any(line.startswith("the scoring thread did not end within 0.5 s") for line in lines)
    assert "the job 'report' did not end within 0.5 s and is abandoned" in lines
    assert lines[-1] == "left"


def test_what_hangs_beyond_every_bound_ends_the_process_with_a_line_that_says_where(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop, ended = threading.Event(), threading.Event()
    hanging = threading.Thread(target=ended.wait, name="job-7")
    with LeaveDeadline(stop, seconds=0.01, end=ended.set):
        hanging.start()
        stop.set()
        assert ended.wait(60)
    hanging.join()
    assert "asked to stop 0 s ago and still running; ending the process: the main thread is in" in (
        caplog.text
    )
    assert "job-7" in caplog.text


def test_an_agent_that_left_in_time_is_not_ended() -> None:
    ended = threading.Event()
    with LeaveDeadline(threading.Event(), seconds=0.0, end=ended.set):
        pass
    assert not ended.wait(0.05)
