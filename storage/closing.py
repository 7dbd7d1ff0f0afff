"""When a window is closed: nothing more is expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .judgement_records import SegmentProgress
from .progress import POOL

POOL_WAIT_WINDOWS = 5
"""The whole stream is judged after its parts, but waits for none that is further behind than this."""

LONGEST_WAIT_WINDOWS = 5
"""Counts that wait for longer than this and the idle time, by the database's clock, are judged although
their segment sends on: its own clock stands still, or runs slowly."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def last_closed(
    progress: Sequence[SegmentProgress],
    *,
    window: timedelta,
    idle: timedelta,
    grace: timedelta,
    now: datetime,
) -> dict[str, datetime]:
    """Return the start of each segment's last closed window.

    A window closes when its own segment has moved past its end plus *grace*. A segment that brought
    nothing for *idle* is as far as the clock, and after one window more everything of it is closed,
    whatever its clock says; so is everything of one that sends on while its clock stands still. The whole
    stream stands where the slowest of its parts stands, among those that are not far behind.
    """
    closed = {row.segment: _last_closed(row, window, idle, grace, now) for row in progress}
    if POOL in closed:
        nearby = closed[POOL] - POOL_WAIT_WINDOWS * window
        silent = {row.segment for row in progress if now - row.counted_at >= idle + window}
        parts = [at for name, at in closed.items() if name not in silent and at >= nearby]
        closed[POOL] = min([*parts, closed[POOL]])
    return closed


def _last_closed(
    row: SegmentProgress, window: timedelta, idle: timedelta, grace: timedelta, now: datetime
) -> datetime:
    newest, silence = window_floor(row.event_time_max, window), now - row.counted_at
    waited = now - row.waiting_since if row.waiting_since else timedelta(0)
    if silence >= idle + window or waited >= idle + LONGEST_WAIT_WINDOWS * window:
        return newest
    moved = row.event_time_max - grace
    until = max(moved, now - grace) if silence >= idle else moved
    return min(newest, window_floor(until, window) - window)


def window_floor(moment: datetime, window: timedelta) -> datetime:
    """Return the start of the window that holds a moment."""
    return _EPOCH + (moment - _EPOCH) // window * window
