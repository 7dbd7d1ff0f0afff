"""Memory of the process: what a forward pass frees, the next one takes again."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_MMAP_MAX = -4
_ARENA_MAX = -8
_GIB = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed, up to 1 GiB, in one arena; return whether it will.

    By default it gives large tensors back to the kernel, and each layer of each pass on a CPU takes
    its pages again: 6,000 page faults an image, half the time of a pass where faults are expensive. The
    most memory that the process takes stays the same; it keeps it.

    For processes of our own, before they have threads: it holds for all of a process. Where
    ``MALLOC_...`` or ``GLIBC_TUNABLES`` are set, somebody has chosen; other libraries than glibc have
    no such knobs.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    one_arena = mallopt(_ARENA_MAX, 1)  # what lies in a thread's own arena is trimmed all the same
    kept = mallopt(_TRIM_THRESHOLD, _GIB)
    # Older versions refuse so large a threshold, and then may map nothing at all.
    in_arena = mallopt(_MMAP_THRESHOLD, _GIB) or mallopt(_MMAP_MAX, 0)
    return bool(one_arena and kept and in_arena)
