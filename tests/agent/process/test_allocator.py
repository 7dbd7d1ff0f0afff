"""What a pass frees is taken again, not given back: told by the page faults of a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource, sys, threading
import numpy as np
from driftgauge.agent.process.allocator import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1] == "keep" else False

def passes():
    for _ in range(100):
        np.ones(12_000_000, np.float32)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

faults = []
for _ in range(2):
    thread = threading.Thread(target=passes)
    thread.start()
    thread.join()
print(kept, faults[1] - faults[0])
"""


def run(how: str, **environment: str) -> tuple[bool, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, n_faults = done.stdout.split()
    return kept == "True", int(n_faults)


is_glibc = Path("/proc").exists() and "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")


@pytest.mark.skipif(not is_glibc, reason="another C library than glibc")
def test_a_threads_large_arrays_take_no_new_pages_once_freed_memory_is_kept() -> None:
    _, n_by_default = run("leave")
    kept, n_kept = run("keep")
    assert kept
    assert n_kept < n_by_default / 100


@pytest.mark.skipif(not is_glibc, reason="another C library than glibc")
def test_what_somebody_has_chosen_is_left_as_it_is() -> None:
    kept, n_faults = run("keep", MALLOC_ARENA_MAX="2")
    assert not kept
    assert n_faults > 10_000
