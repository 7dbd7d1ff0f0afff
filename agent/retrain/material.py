"""What a retraining would learn from: which kept runs, which are put aside, and whether that is enough."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftgauge.storage import AlertRecord, KeptRun, ReviewRecord

from .extremes import extreme_runs
from .spans import alert_spans, runs_of_real_alerts, runs_outside
from .taps_sample import choose_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialSettings:
    """How much is needed, and how much is taken.

    Attributes:
        run: length of a run.
        alpha: an event with a p-value of at most this is out of distribution.
        min_events: needed in all.
        min_new_events: of these, from after *learnt_until*.
        max_events: taken at most.
    """

    run: timedelta
    alpha: float
    min_events: int
    min_new_events: int
    max_events: int


@dataclass(frozen=True, slots=True)
class Material:
    """Kept runs, sorted out.

    Attributes:
        learnt: to learn from.
        in_alerts: left out, since they overlap an alert that nobody called false or normal.
        aside: left out, since they wait for a person's word, or were refused.
        real: wholly in the time of an alert that a person found to be real.
        new_extremes: of *aside*, those that are on no list yet.
        n_new_events: of *learnt*, events that the active detector has not learnt from.
    """

    learnt: list[KeptRun] = field(default_factory=list)
    in_alerts: list[KeptRun] = field(default_factory=list)
    aside: list[KeptRun] = field(default_factory=list)
    real: list[KeptRun] = field(default_factory=list)
    new_extremes: list[KeptRun] = field(default_factory=list)
    n_new_events: int = 0

    def figures(self) -> dict[str, object]:
        """Return figures for people, and from when until when the runs are."""
        return {
            "learnt_events": count_events(self.learnt),
            "learnt_runs": len(self.learnt),
            "new_events": self.n_new_events,
            "events_in_alerts": count_events(self.in_alerts),
            "events_aside": count_events(self.aside),
            "events_of_real_alerts": count_events(self.real),
            "segments": len({run.segment for run in self.learnt}),
            "from": min((run.run_start for run in self.learnt), default=None),
            "until": max((run.run_start for run in self.learnt), default=None),
        }


def sort_out(
    runs: Iterable[KeptRun],
    alerts: Iterable[AlertRecord],
    reviews: Iterable[ReviewRecord],
    settings: MaterialSettings,
    *,
    until: datetime,
    learnt_until: datetime | None,
    kept_since: Collection[datetime] = (),
) -> Material:
    """Return which of the kept *runs* are learnt from.

    Args:
        runs: all that are kept.
        alerts: of the stream, ended ones as well.
        reviews: what people said of runs that were put aside.
        settings: how much.
        until: runs that begin later are left for the next time.
        learnt_until: the active detector has learnt from runs until then; None if from none.
        kept_since: starts of runs that were kept after it learnt: they are new, however old their events are.
    """
    spans = alert_spans(alerts)
    whole = [run for run in runs if run.run_start + settings.run <= until]
    quiet = runs_outside(whole, spans, settings.run)
    said = {(review.segment, review.run_start): review.state for review in reviews}
    extreme = [run for run in extreme_runs(quiet, settings.alpha) if said.get(_key(run)) is None]
    aside = [
        run for run in quiet if run in extreme or said.get(_key(run)) in ("waiting", "refused")
    ]
    left_out = {_key(run) for run in aside}
    learnt = choose_runs(
        (run for run in quiet if _key(run) not in left_out), max_events=settings.max_events
    )
    is_quiet = {_key(run) for run in quiet}
    return Material(
        learnt=learnt,
        in_alerts=[run for run in whole if _key(run) not in is_quiet],
        aside=aside,
        real=runs_of_real_alerts(whole, spans, settings.run),
        new_extremes=extreme,
        n_new_events=count_events(
            run
            for run in learnt
            if learnt_until is None or run.run_start > learnt_until or run.run_start in kept_since
        ),
    )


def shortage(material: Material, settings: MaterialSettings) -> str:
    """Return in words why there is too little to learn from; empty where there is enough."""
    n_events, left_out = count_events(material.learnt), _left_out(material)
    if n_events < settings.min_events:
        return f"too little traffic: {n_events} kept events, {settings.min_events} wanted{left_out}"
    if material.n_new_events < settings.min_new_events:
        return (
            f"too little new traffic: {material.n_new_events} kept events that the active detector has "
            f"not learnt from, {settings.min_new_events} wanted{left_out}"
        )
    return ""


def _left_out(material: Material) -> str:
    """Return in brackets what is left out, and where a person changes that; empty where nothing is."""
    kinds = (
        (
            count_events(material.in_alerts),
            "more are of times with alerts, of which a live one has no end (driftgauge alerts list)",
        ),
        (
            count_events(material.aside),
            "wait for a person or were refused (driftgauge reference list)",
        ),
    )
    told = ", ".join(f"{n} {what}" for n, what in kinds if n)
    return f" ({told})" if told else ""


def count_events(runs: Iterable[KeptRun] | Sequence[KeptRun]) -> int:
    """Return how many events *runs* have."""
    return sum(run.events for run in runs)


def _key(run: KeptRun) -> tuple[str, datetime]:
    return run.segment, run.run_start
