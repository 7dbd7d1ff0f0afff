"""Groups of events that are ranked among their own kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from .rows import Rows
from .splitting import Split

MIN_GROUP_EVENTS = 500
"""Held-out events of a group, cal-A and cal-B together; a smaller one is ranked among all."""


def group_rows(segments: Sequence[Sequence[str]], groups: Collection[str]) -> dict[str, Rows]:
    """Return the rows of each group that has some; an event belongs to its first group.

    Example:
        >>> group_rows([["a=1", "b=2"], ["a=3"], ["a=1"]], ["a=1"])
        {'a=1': array([0, 2])}
    """
    if not groups:
        return {}
    found: dict[str, list[int]] = {}
    for row, own in enumerate(segments):
        group = next((name for name in own if name in groups), None)
        if group is not None:
            found.setdefault(group, []).append(row)
    return {group: np.array(rows) for group, rows in found.items()}


def calibration_groups(
    segments: Sequence[Sequence[str]], parts: Split, name: str
) -> dict[str, tuple[Rows, Rows]]:
    """Return the rows in cal-A and cal-B of each value of segment *name* that has enough.

    Args:
        segments: of each reference event.
        parts: how the reference was split.
        name: of the segment to calibrate by; empty gives no groups.
    """
    if not name:
        return {}
    values = sorted({one for own in segments for one in own if one.startswith(f"{name}=")})
    found = {}
    for value in values:
        belongs = np.array([value in own for own in segments])
        in_a, in_b = (rows[belongs[rows]] for rows in (parts.cal_a, parts.cal_b))
        if len(in_a) + len(in_b) >= MIN_GROUP_EVENTS and min(len(in_a), len(in_b)) > 0:
            found[value] = (in_a, in_b)
    return found
