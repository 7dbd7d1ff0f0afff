"""The section ``retrain`` of ``driftgauge.toml``."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from ..section import Duration, IntervalText, Section, SpanText, ZoneName


class RetrainSection(Section):
    """New detectors from kept taps: when, from how much, and what their gate allows."""

    schedule: str = Field(default="", examples=["0 3 * * SUN"])
    """When agents start a retraining: minute, hour, day of month, month, day of week; empty for never.
    One agent of the stream starts it."""
    every: IntervalText = Field(default="", examples=["7 days"])
    """Start one so long after the one before, instead of by a schedule; empty for never."""
    time_zone: ZoneName = "UTC"
    """Time zone of the schedule."""
    shadow: SpanText = Field(default="", examples=["1 day", "0"])
    """How long a candidate that passed its gate scores beside the active detector, without alerts, before
    it is promoted or refused by itself; empty for as long as `monitor.learn`, so that the segments that
    its reference lacks are learnt by then. "0": it is promoted at once."""
    cool_down: Duration = timedelta(days=1)
    """No retraining so soon after one that passed its gate."""
    min_events: int = Field(default=2000, ge=400)
    """Kept events that a retraining needs at least."""
    min_new_events: int = Field(default=1000, ge=0)
    """Of these, events that the active detector has not learnt from."""
    max_events: int = Field(default=50_000, ge=400)
    """Kept events that a retraining takes at most, in whole runs; a thousand channels take 4 kB an event of
    memory."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads that fit, in a process of its own."""
    niceness: int = Field(default=15, ge=0, le=19)
    """Priority of that process; 19 is the least."""
    fit_on_new_model: bool = False
    """When the model that runs is not the one that the active detector was fitted for: read on, keep taps of
    the new model, and fit its first detector from them once they span `monitor.learn`. Until then nothing
    is scored, and an alert says so. Without it, agents stop reading until a detector fits."""
    probe_margin: float = Field(default=3.0, ge=0, le=100)
    """Points of AUROC on the known changes by which a candidate may be worse than the active detector."""
    min_agreement: float = Field(default=0.3, ge=-1, le=1)
    """Least rank correlation of the candidate's scores with the active detector's, on accepted traffic."""
    max_anchor_rate: float = Field(default=0.5, gt=0, le=1)
    """Share of the first reference that may be out of distribution to a candidate."""
