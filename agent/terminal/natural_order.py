"""The order of names as people count: camera=2 before camera=10."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts names as people count.

    Example:
        >>> sorted(["camera=10", "camera=2", "*", "camera=1"], key=natural_key)
        ['*', 'camera=1', 'camera=2', 'camera=10']
    """
    parts = _NUMBER.split(name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name
