"""What a stream has kept to learn from, read from its database, and why it is too little."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from driftgauge.storage import KeptShard, Store

from ..keep.shard_dates import runs_begun_before
from ..log import action
from .basis import Basis
from .material import Material, MaterialSettings, shortage, sort_out
from .reach import KeepBounds, idle_since, out_of_reach

log = logging.getLogger(__name__)


def read_material(
    store: Store, stream: str, basis: Basis, settings: MaterialSettings, *, until: datetime
) -> Material:
    """Return what is kept, sorted out.

    Args:
        basis: what the candidate is compared with; of a new model only its own runs are taken.
        until: runs that begin later are left for the next time.
    """
    shards, runs = store.kept.shards(stream), store.kept.runs(stream)
    if basis.new_model is not None:
        own = {one.run_start for one in shards if one.origin == basis.origin}
        runs = [run for run in runs if run.run_start in own]
    return sort_out(
        runs,
        store.alerts(stream),
        store.retrainings.reviews(stream),
        settings,
        until=until,
        learnt_until=basis.learnt_until,
        kept_since=_runs_kept_since(shards, basis.learnt_at),
    )


def why_too_little(
    store: Store,
    stream: str,
    basis: Basis,
    material: Material,
    needs: MaterialSettings,
    *,
    bounds: KeepBounds,
) -> str:
    """Return in words why *material* is too little, and why there may never be enough; empty where it is enough."""
    why = shortage(material, needs)
    if not why:
        return ""
    shards = [one for one in store.kept.shards(stream) if one.origin == basis.origin]
    now = store.clock()
    never = out_of_reach(shards, needs.min_events, bounds, now) or idle_since(shards, now)
    return f"{why}; {never}" if never else why


def put_aside(store: Store, stream: str, material: Material) -> None:
    """Let runs that are too extreme to be learnt wait for a person."""
    rows = [(run.segment, run.run_start, run.events, run.unusual) for run in material.new_extremes]
    store.retrainings.put_aside(stream, rows)
    if rows:
        log.warning(
            "%s runs of windows with far more unusual events than usual are not learnt until a person "
            "accepts them: driftgauge reference list",
            len(rows),
            extra=action("runs_put_aside", runs=len(rows)),
        )


def _runs_kept_since(shards: Iterable[KeptShard], at: datetime | None) -> set[datetime]:
    """Return the runs of which nothing was kept by then."""
    if at is None:
        return set()
    found = list(shards)
    return {one.run_start for one in found} - runs_begun_before(found, at)
