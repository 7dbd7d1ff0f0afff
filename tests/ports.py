"""Ports for servers that tests start: of those that the kernel gives to nobody who names none."""

from __future__ import annotations

import itertools
import os
import random
import socket

_FIRST, _END = 20_000, 32_000
"""Below the ephemeral ports of Linux (32,768 on), so that no connection takes the port of a server that is
away for a while, and none that is chosen here before its server has started."""

_MOST_WORKERS = 32
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _MOST_WORKERS
_own = range(_FIRST + _worker, _END, _MOST_WORKERS)
"""Those of this process, where several run the tests together."""
_ports = itertools.islice(
    itertools.cycle(_own), random.Random(os.getpid()).randrange(len(_own)), None
)


def free_port() -> int:
    """Return a loopback port that nobody has now; this process returns it once."""
    return next(port for port in _ports if _is_free(port))


def free_ports(*names: str) -> dict[str, int]:
    """Return a port for each name."""
    return {name: free_port() for name in names}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
