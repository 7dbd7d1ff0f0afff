"""When the whole stream is tested beside its segments: not where it could only repeat one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from driftgauge.storage import POOL

from .design_effect import Counts

MOST_LEARNT = 0.05
"""While parts with more than this share of the events are learnt, the whole is not tested."""


def is_worth_testing(segments: Mapping[str, Counts], tested: Collection[str]) -> bool:
    """Return whether the whole stream is tested in a window.

    It is not while one segment holds all of its events, so that it is that segment under another name;
    and not while parts of it are learnt, which its baseline does not know.

    Args:
        segments: ``(columns, bins)`` counts of the window, by segment; the last column is combined.
        tested: segments that have a baseline, and are learnt no longer.
    """
    events = {name: int(counts[-1].sum()) for name, counts in segments.items() if name != POOL}
    total = int(segments[POOL][-1].sum())
    if total in events.values():
        return False
    learnt: Counter[str] = Counter()
    for name, many in events.items():
        if name not in tested:
            learnt[name.partition("=")[0]] += many
    return max(learnt.values(), default=0) <= MOST_LEARNT * total
