"""How much can be kept at a time: what is beyond that would be waited for without end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import KeptShard

from ..keep.shard_dates import kept_at

DAY = timedelta(days=1)
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepBounds:
    """What the upkeep leaves of a stream's kept taps.

    Attributes:
        keep: how long, from when they were kept.
        max_bytes: in all.
    """

    keep: timedelta
    max_bytes: int


def out_of_reach(
    shards: Sequence[KeptShard], wanted: int, bounds: KeepBounds, now: datetime
) -> str:
    """Return in words why so many events will not be kept at a time; empty where they may be.

    The rate is that of all time since the first of them was kept: of less than a day none is known.

    Args:
        shards: that are kept.
        wanted: events.
        now: the database's time.
    """
    events = sum(one.events for one in shards)
    if not events:
        return ""
    fitting = int(bounds.max_bytes / sum(one.bytes for one in shards) * events)
    if fitting < wanted:
        return (
            f"keep.max_bytes = {bounds.max_bytes / _MEGABYTE:.0f} MB holds about {fitting} such events: raise it, "
            "or lower retrain.min_events"
        )
    took = now - min(kept_at(one) for one in shards)
    if took < DAY:
        return ""
    lasting = int(events * (bounds.keep / took)) if took < bounds.keep else events
    if lasting >= wanted:
        return ""
    return (
        f"at the rate of the last {min(took, bounds.keep) / DAY:.0f} days about {lasting} are kept at a time, since "
        f"each goes after keep.keep_days = {bounds.keep / DAY:g}: raise it or keep.runs_per_day, or lower "
        "retrain.min_events"
    )


def idle_since(shards: Sequence[KeptShard], now: datetime) -> str:
    """Return in words since when nothing was kept; empty where that is less than a day."""
    last = max((kept_at(one) for one in shards), default=now)
    return f"none was kept since {last:%Y-%m-%d %H:%M} UTC" if now - last > DAY else ""
