"""A retraining in a process of its own, which leaves the processor to whoever scores."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

LOG = "retraining.log"


def start_apart(arguments: Sequence[str], log_folder: Path) -> int:
    """Start ``driftgauge retrain --wait`` with *arguments*; return its process id.

    It outlives this process. What it writes is added to `LOG` in *log_folder*.
    """
    log_folder.mkdir(parents=True, exist_ok=True)
    with (log_folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "driftgauge", "retrain", "--wait", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(
        target=process.wait, name="retraining", daemon=True
    ).start()  # leaves no zombie
    return process.pid


def is_alive(pid: int) -> bool:
    """Return whether the process that `start_apart` started still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def yield_to_others(*, niceness: int, threads: int) -> None:
    """Let this process take what others leave: priority, threads."""
    import torch

    os.nice(max(0, niceness - os.nice(0)))
    torch.set_num_threads(threads)
