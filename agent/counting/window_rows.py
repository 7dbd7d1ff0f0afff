"""Which events of a batch fall into which segment's window: grouped once, for all that count them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ..events.event import Event

WindowRows = Mapping[tuple[str, datetime], NDArray[np.int64]]
"""Segment and window's start to rows of a batch, in its order."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def window_start(moment: datetime, window_seconds: int) -> datetime:
    """Return the start of the window that holds *moment*; windows begin at multiples of the epoch.

    >>> window_start(datetime(2026, 1, 1, 12, 0, 59, tzinfo=UTC), 60).isoformat()
    '2026-01-01T12:00:00+00:00'
    """
    length = timedelta(seconds=window_seconds)
    return _EPOCH + (moment - _EPOCH) // length * length


def rows_by_window(
    events: Sequence[Event], segments: Sequence[Iterable[str]], window_seconds: int
) -> WindowRows:
    """Return the rows of a batch that each segment's window holds, in the order of the batch.

    Args:
        segments: the names that each event counts under.
    """
    rows: defaultdict[tuple[str, datetime], list[int]] = defaultdict(list)
    for row, (event, names) in enumerate(zip(events, segments, strict=True)):
        start = window_start(event.event_time, window_seconds)
        for name in names:
            rows[name, start].append(row)
    return {key: np.array(own) for key, own in rows.items()}
