"""A model that no detector was fitted for: what its kept taps are, and when they are enough for a first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from driftgauge.detector import ModelIdentity
from driftgauge.storage import KeptShard, RetrainingRecord, Store

from ..keep.origin import tap_origin
from ..keep.shard_dates import kept_at
from .clustered_rate import FEWEST_RUNS
from .reach import KeepBounds, idle_since, out_of_reach

TRIGGER = "new model"
_PLAN = "new_model"

_ENDED = {"refused": "was refused"}

FEWEST_KEPT_RUNS = 2 * FEWEST_RUNS
"""Half of them are kept from the detector, and show its false-alarm rate."""


@dataclass(frozen=True, slots=True)
class NewModel:
    """The model that runs now, and the taps that agents keep of it.

    Attributes:
        channels: tap name to channels.
    """

    identity: ModelIdentity
    channels: Mapping[str, int]

    @property
    def origin(self) -> str:
        """Name of its taps."""
        return tap_origin(self.identity, self.channels)

    def plan(self, until: datetime) -> dict[str, Any]:
        """Return the plan of an attempt to fit its first detector; no trial, since nothing fits beside it."""
        model = {"identity": asdict(self.identity), "channels": dict(self.channels)}
        return {
            "until": until.isoformat(),
            "seed": 0,
            "shadow_seconds": 0.0,
            _PLAN: model,
        }


def planned_model(record: RetrainingRecord) -> NewModel | None:
    """Return the model whose first detector an attempt fits; None for any other attempt."""
    told = record.plan.get(_PLAN)
    if told is None:
        return None
    return NewModel(ModelIdentity(**told["identity"]), told["channels"])


@dataclass(frozen=True, slots=True)
class KeptOfModel:
    """What is kept of one model.

    Attributes:
        shards: its files.
        run: length of a run.
    """

    shards: Sequence[KeptShard]
    run: timedelta

    @property
    def events(self) -> int:
        """Events in them."""
        return sum(one.events for one in self.shards)

    @property
    def runs(self) -> int:
        """Runs of windows, of whatever segments."""
        return len({one.run_start for one in self.shards})

    @property
    def span(self) -> timedelta:
        """From the begin of the first run to the end of the last, in event time."""
        starts = [one.run_start for one in self.shards]
        return max(starts) - min(starts) + self.run if starts else timedelta(0)

    def events_since(self, at: datetime) -> int:
        """Return how many events were kept since then, by the database's clock."""
        return sum(one.events for one in self.shards if kept_at(one) > at)


def kept_of(store: Store, stream: str, model: NewModel, run: timedelta) -> KeptOfModel:
    """Return what agents kept of *model*.

    Args:
        run: length of a run.
    """
    own = [one for one in store.kept.shards(stream) if one.origin == model.origin]
    return KeptOfModel(own, run)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFitNeeds:
    """When a first detector is fitted.

    Attributes:
        events: kept of the model, at least.
        more_events: kept since an attempt before, which was refused.
        span: that the kept runs cover, as long as a segment without a reference learns.
        bounds: what the upkeep leaves.
    """

    events: int
    more_events: int
    span: timedelta
    bounds: KeepBounds

    def lacking(self, kept: KeptOfModel, before: RetrainingRecord | None) -> str:
        """Return in words what is still waited for; empty where a detector can be fitted.

        Args:
            before: the last attempt for this model.
        """
        if kept.events < self.events:
            return f"{kept.events} events are kept of it, {self.events} wanted"
        if before is not None and (more := kept.events_since(before.started_at)) < self.more_events:
            return (
                f"{more} events are kept of it since retraining {before.id}, {self.more_events} wanted; that one "
                f"{_ENDED.get(before.state, before.state)}: {before.reason}"
            )
        if kept.runs < FEWEST_KEPT_RUNS:
            return f"{kept.runs} runs of windows are kept of it, {FEWEST_KEPT_RUNS} wanted"
        if kept.span < self.span:
            return f"what is kept of it spans {_hours(kept.span)}, {_hours(self.span)} wanted"
        return ""

    def hindered(self, kept: KeptOfModel, now: datetime) -> str:
        """Return in words why what is lacking may never come; empty where nothing speaks against it.

        Args:
            now: the database's time.
        """
        return out_of_reach(kept.shards, self.events, self.bounds, now) or idle_since(
            kept.shards, now
        )


def last_attempt(store: Store, stream: str, model: NewModel) -> RetrainingRecord | None:
    """Return the newest attempt to fit a first detector for *model*."""
    for record in store.retrainings.all(stream, limit=200):
        if planned_model(record) == model:
            return record
    return None


def _hours(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours >= 1 else f"{span.total_seconds():.0f} s"
