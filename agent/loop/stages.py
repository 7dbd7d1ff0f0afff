"""Where the time goes: each stage belongs to one kind of thread, and its share is of that one's time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from .status import LoopStatus

Thread = Literal["loop", "scoring", "decoding"]

STAGES: dict[str, Thread] = {
    "poll": "loop",
    "idle": "loop",
    "count": "loop",
    "flush": "loop",
    "decode_wait": "scoring",
    "score": "scoring",
    "score.forward": "scoring",
    "score.detector": "scoring",
    "score.shadow": "scoring",
    "decode": "decoding",
    "prepare": "decoding",
}
"""Stage to the thread that spends it; ``score.NAME`` is a part of ``score``."""


def describe_time(status: LoopStatus) -> str:
    """Return each thread's stages as shares of that thread's time since the start.

    The threads run concurrently, so their shares never add up to one whole.

    Example:
        >>> print(describe_time(LoopStatus(
        ...     started_at=100.0, turned_at=200.0, flushed_at=0.0, decode_threads=2,
        ...     stage_seconds={"idle": 60.0, "flush": 1.0, "score": 20.0, "decode": 30.0},
        ... )))
        in 100 s; loop thread: idle 60 %, flush 1 %; scoring thread: score 20 %; 2 decoding threads: decode 15 %
    """
    seconds = status.turned_at - status.started_at
    if seconds <= 0:
        return "no time has passed"
    return "; ".join([f"in {seconds:.0f} s", *_threads(status, seconds)])


def _threads(status: LoopStatus, seconds: float) -> Iterator[str]:
    names = {
        "loop": "loop thread",
        "scoring": "scoring thread",
        "decoding": f"{status.decode_threads} decoding threads",
    }
    for thread, name in names.items():
        whole = seconds * (status.decode_threads if thread == "decoding" else 1)
        shares = [
            f"{stage} {100 * status.stage_seconds[stage] / whole:.0f} %"
            for stage, own in STAGES.items()
            if own == thread and stage in status.stage_seconds
        ]
        if shares:
            yield f"{name}: {', '.join(shares)}"
