"""A model that no detector was fitted for: what its kept taps are, and when they are enough for a first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from driftgauge.detector import ModelIdentity
from driftgauge.storage import RetrainingRecord, Store

from ..keep.origin import tap_origin
from .clustered_rate import FEWEST_RUNS

TRIGGER = "new model"
_PLAN = "new_model"

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

    def plan(self, kept: KeptOfModel, until: datetime) -> dict[str, Any]:
        """Return the plan of an attempt to fit its first detector; no trial, since nothing fits beside it."""
        model = {"identity": asdict(self.identity), "channels": dict(self.channels)}
        return {
            "until": until.isoformat(),
            "seed": 0,
            "shadow_seconds": 0.0,
            _PLAN: {**model, "kept_events": kept.events},
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
        runs: runs of windows, of whatever segments.
        span: from the begin of the first to the end of the last.
    """

    events: int = 0
    runs: int = 0
    span: timedelta = timedelta(0)


def kept_of(store: Store, stream: str, model: NewModel, run: timedelta) -> KeptOfModel:
    """Return what agents kept of *model*.

    Args:
        run: length of a run.
    """
    own = [one for one in store.kept.shards(stream) if one.origin == model.origin]
    if not own:
        return KeptOfModel()
    starts = {one.run_start for one in own}
    span = max(starts) - min(starts) + run
    return KeptOfModel(sum(one.events for one in own), len(starts), span)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFitNeeds:
    """When a first detector is fitted.

    Attributes:
        events: kept of the model, at least.
        more_events: than at an attempt before, which was refused.
        span: that the kept runs cover, as long as a segment without a reference learns.
    """

    events: int
    more_events: int
    span: timedelta

    def lacking(self, kept: KeptOfModel, before: RetrainingRecord | None) -> str:
        """Return in words what is still waited for; empty where a detector can be fitted.

        Args:
            before: the last attempt for this model.
        """
        wanted = self.events
        if before is not None:
            wanted = max(wanted, int(before.plan[_PLAN]["kept_events"]) + self.more_events)
        if kept.events < wanted:
            return f"{kept.events} events are kept of it, {wanted} wanted"
        if kept.runs < FEWEST_KEPT_RUNS:
            return f"{kept.runs} runs of windows are kept of it, {FEWEST_KEPT_RUNS} wanted"
        if kept.span < self.span:
            return f"what is kept of it spans {_hours(kept.span)}, {_hours(self.span)} wanted"
        return ""


def last_attempt(store: Store, stream: str, model: NewModel) -> RetrainingRecord | None:
    """Return the newest attempt to fit a first detector for *model*."""
    for record in store.retrainings.all(stream, limit=200):
        if planned_model(record) == model:
            return record
    return None


def _hours(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours >= 1 else f"{span.total_seconds():.0f} s"
