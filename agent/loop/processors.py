"""How many processors this process may use: its affinity, and the share that its control group has."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Literal

ThreadCount = int | Literal["auto"]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_MOST = 8
"""Decoding threads beyond so many wait for Python's lock."""

_LEAST = 2


def usable_processors(quota: Path = _QUOTA) -> int:
    """Return at least 1.

    Args:
        quota: a container's limit, "MICROSECONDS PERIOD" or "max PERIOD"; what cannot be read limits
            nothing.
    """
    try:
        affine = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        affine = os.cpu_count() or 1
    try:
        most, period = quota.read_text().split()
        allowed = math.ceil(int(most) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return affine
    return max(1, min(affine, allowed))


def decoding_threads(wanted: ThreadCount) -> int:
    """Return how many threads decode: as it is set, or one for each processor from 2 to 8."""
    return min(_MOST, max(_LEAST, usable_processors())) if wanted == "auto" else wanted
