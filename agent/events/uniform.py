"""A fixed random number for each event, so that a replay gives equal bits."""

from __future__ import annotations

import hashlib

_STEPS = 2.0**52


def event_uniform(topic: str, partition: int, offset: int, item: int = 0) -> float:
    """Return a number in (0, 1), both ends excluded, that depends on the coordinates only.

    Args:
        item: which picture of the record.

    >>> event_uniform("frames", 0, 7) == event_uniform("frames", 0, 7)
    True
    """
    place = f"{topic}\0{partition}\0{offset}" + (f"\0{item}" if item else "")
    digest = hashlib.blake2b(place.encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / _STEPS
