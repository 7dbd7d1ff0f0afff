"""Since when events are kept, by the database's clock: their own dates may be of any time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from driftgauge.storage import KeptShard


def kept_at(shard: KeptShard) -> datetime:
    """Return when a file that the database lists was written."""
    if shard.written_at is None:
        raise ValueError(f"{shard.path} is not in the database yet")
    return shard.written_at


def runs_begun_before(shards: Iterable[KeptShard], limit: datetime) -> set[datetime]:
    """Return the runs of which something was kept before *limit*."""
    return {shard.run_start for shard in shards if kept_at(shard) < limit}
