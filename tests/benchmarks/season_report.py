"""What a season of one real camera shows: rates, alarms, candidates that learnt faults, a rollback, a plot."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import Baseline, learn_baselines
from driftgauge.detector import Detector, auroc, load_detector

from .season import ALPHA, BEGINS, CAMERA, LISTED, STREAM, TESTS, Season, begun, quiet, through
from .streams import Stream, fault_delays, quiet_alarms
from .table import Figure


@dataclass(frozen=True)
class Watch:
    """What one way to watch the month gave: p-values of every frame, and the baseline at each."""

    p_values: NDArray[np.float64]
    baseline: Callable[[int], Baseline | None]

    def auroc_of(self, fault: range) -> float:
        """Return how well a fault is told from two quiet days around it, per cent."""
        around = quiet(
            range(max(fault.start - 288, BEGINS), min(fault.stop + 288, len(self.p_values)))
        )
        return auroc(-self.p_values[around, -1], -self.p_values[np.array(fault), -1])

    def delay_of(self, fault: range) -> int | None:
        """Return the windows of 16 frames until the fault's alarm; None without any."""
        one = Stream("keio_river", len(self.p_values), range(0), range(0), (), (fault,))
        return fault_delays(self.baseline(fault.start), one, self.p_values, TESTS)[0]

    def quiet_alarms(self, spans: Sequence[range]) -> int:
        """Return the alarms in quiet windows, each span judged by the baseline at its start."""
        return sum(
            quiet_alarms(
                self.baseline(span.start),
                Stream("keio_river", len(self.p_values), range(0), range(0), (span,)),
                self.p_values, TESTS,
            )
            for span in spans
        )  # fmt: skip


def watches(season: Season, first: Detector) -> dict[str, Watch]:
    """Return the month without retraining, and as it was lived through."""
    rows = np.arange(BEGINS, len(season.times))
    alone = np.ones_like(season.live)
    alone[rows] = season.p_values(first, rows)
    fixed = learn_baselines(first.reference).get(CAMERA)
    names = set(season.scored_by.values())
    folder = season.folder / "detector"
    by_name = {
        name: learn_baselines(load_detector(folder / name).reference).get(CAMERA) for name in names
    }
    return {
        "first": Watch(alone, lambda row: fixed),
        "retrained": Watch(season.live, lambda row: by_name.get(season.scored_by.get(row, ""))),
    }


def fault_rows(both: Mapping[str, Watch]) -> list[dict[str, object]]:
    """Return how each listed fault was found, a row each."""
    rows: list[dict[str, object]] = []
    for fault in LISTED:
        row: dict[str, object] = {"fault": f"{fault.start}-{fault.stop - 1}"}
        for name, watch in both.items():
            delay = watch.delay_of(fault)
            row[f"AUROC, {name}"] = round(watch.auroc_of(fault), 1)
            row[f"alarm, {name}"] = "none" if delay is None else f"window {delay}"
        rows.append(row)
    return rows


def fault_candidates(season: Season) -> list[dict[str, object]]:
    """Retrain with listed faults called normal, all and each alone; return what the gate says, a row each.

    What was put aside is accepted as well.
    """
    if waiting := season.store.retrainings.reviews(STREAM, states=["waiting"]):
        numbers = [one.id for one in waiting]
        season.store.retrainings.decide(STREAM, numbers, "accepted", by="bench")
    alerts = sorted(season.store.alerts(STREAM), key=lambda one: one.since)
    rows: list[dict[str, object]] = []
    for called_normal in (alerts, *([one] for one in alerts)):
        for alert in alerts:
            verdict = "accepted" if alert in called_normal else "real"
            season.store.give_verdict(alert.id or 0, verdict, at=season.clock.at, by="bench")
        record = season.retrain(min_new_events=0)
        checks = season.retraining().checks(record)
        rows.append({
            "called normal": ", ".join(f"{one.since:%m-%d %H:%M}" for one in called_normal),
            "gate": record.state,
            "refused by": ", ".join(one.name for one in checks if one.verdict == "refused"),
            "learnt": next((one.words for one in checks if one.name == "learnt"), record.reason),
        })  # fmt: skip
    return rows


def rolled_back(season: Season, first_name: str) -> bool | None:
    """Go back version by version to the first; return whether its scores have the same bits."""
    rows = np.arange(BEGINS, BEGINS + 200)
    if season.name == first_name:
        return None
    before = load_detector(season.folder / "detector" / first_name).score(season.parts(rows))
    restored = season.name
    while restored != first_name:
        restored = season.store.versions.rollback(STREAM, by="bench")[1].detector
    again = load_detector(season.folder / "detector" / restored)
    return bool(torch.equal(before, again.score(season.parts(rows))))


def plot(
    season: Season, both: Mapping[str, Watch], table: Sequence[Mapping[str, object]], path: Path
) -> None:
    """Draw the rate on quiet frames, day by day, without retraining and with it."""
    from matplotlib.dates import date2num
    from matplotlib.figure import Figure as Canvas

    days = defaultdict(list)
    for row in quiet(range(BEGINS, len(season.times))).tolist():
        days[season.times[row].date()].append(row)
    canvas = Canvas(figsize=(9, 3.6), layout="constrained")
    axes = canvas.subplots()
    for name, watch in both.items():
        rates = [100 * (watch.p_values[rows, -1] <= ALPHA).mean() for rows in days.values()]
        axes.plot(
            list(days), rates, marker=".", label=f"{name} detector" if name == "first" else name
        )
    axes.axhline(100 * ALPHA, color="grey", linewidth=0.8)
    for fault in LISTED:
        ends = [date2num(season.times[row]) for row in (fault.start, fault.stop - 1)]
        axes.axvspan(*ends, color="tab:red", alpha=0.2)
    for row in table:
        at = datetime.strptime(f"2022-{row['from']}", "%Y-%m-%d")  # noqa: DTZ007 - a place on the axis
        axes.axvline(
            date2num(at), color="green" if row["gate"] == "passed" else "orange", linewidth=0.6
        )
    axes.set_ylabel("out of distribution, % of quiet frames")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=90)


def run_season(
    data: Path, *, days: float, method: str, drawn: Path
) -> tuple[list[dict[str, object]], list[dict[str, object]], list[Figure]]:
    """Live through the month; return a row a retraining, a row a fault, and the figures.

    Args:
        drawn: file of the plot.
    """
    with tempfile.TemporaryDirectory() as folder:
        season = begun(data, Path(folder), method)
        first, first_name = season.detector, season.name
        table = through(season, days, first)
        both = watches(season, first)
        faults = fault_rows(both)
        plot(season, both, table, drawn)
        n_days = (season.times[-1] - season.times[BEGINS]).days
        kept_bytes = season.store.kept.total_bytes(STREAM) / n_days
        bad = fault_candidates(season)
        same = rolled_back(season, first_name)
    spans = [range(2310, 2825), range(2840, 3130)]
    figures = [
        Figure(f"{what} after {days:g} days each: {name}", value, unit)
        for name, watch in both.items()
        for what, value, unit in (
            ("mean AUROC on listed faults", round(float(np.mean([watch.auroc_of(f) for f in LISTED])), 1), "%"),
            ("listed faults found", sum(watch.delay_of(f) is not None for f in LISTED), f"of {len(LISTED)}"),
            ("alarms in quiet windows", watch.quiet_alarms(spans), f"of {sum(len(s) for s in spans) // 16} windows"),
            ("rate on quiet frames", round(100 * float((watch.p_values[quiet(range(BEGINS, len(season.times))), -1] <= ALPHA).mean()), 2), "%"),
        )
    ]  # fmt: skip
    refused = "learnt" in str(bad[0]["refused by"])
    figures += [
        Figure("retrainings that passed", sum(r["gate"] == "passed" for r in table), f"of {len(table)}"),
        Figure("bytes kept a day", round(kept_bytes), "bytes for 144 frames of 1,709 channels, every run kept"),
        Figure("candidate that learnt all listed faults is refused for it", float(refused), "", "1", refused),
        Figure("candidates that learnt one listed fault and are refused for it", sum("learnt" in str(row["refused by"]) for row in bad[1:]), f"of {len(bad) - 1}"),
    ]  # fmt: skip
    if same is not None:
        figures.append(
            Figure("scores after rolling back to the first", float(same), "same bits", "1", same)
        )
    return [*table, *bad], faults, figures
