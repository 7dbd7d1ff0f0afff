"""Children that do not outlive this process."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def dying_with(parent: int, *, signal_number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """Return what a new child runs so that it ends with *parent*, where the system can do that."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it was quicker
            os._exit(1)

    return tie
