"""What ``driftgauge replay`` shows: the alerts beside those told live, and how near the others came."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from driftgauge.storage import LIVE_STATES

from ..alert.fault_claim import claimed_words
from ..drift.history_replay import Replayed
from ..pages.evidence_plot import EvidenceLine, draw_evidence
from ..review.replay_outcome import NearestMoment, ReplayedAlert, ReplayOutcome, replay_outcome
from ..settings.sections import MonitorSection
from ..terminal.printing import percent, print_csv, print_json, print_line, when
from ..terminal.table import Column, print_table
from .reading import Reading

MOST_LINES = 10
_MOST_NEAREST = 10
_FIELDS = (
    *("id", "segment", "test", "severity", "window_start", "since", "refreshed_at"),
    *("resolved_at", "rate_now", "rate_peak", "rate_normal", "log_e_value", "message"),
    *("looks_like", "faults"),
)


@dataclass(frozen=True, slots=True)
class Tried:
    """What was replayed, and under which settings."""

    since: datetime
    until: datetime
    monitor: MonitorSection
    detector: str


def show(
    reading: Reading,
    found: Replayed,
    tried: Tried,
    *,
    form: Literal["json", "csv", "table"],
    plot: Path | None,
) -> None:
    """Print the replay, and draw it where *plot* says."""
    outcome = replay_outcome(found, reading.store.alerts(reading.stream.stream))
    if plot is not None and not outcome.segments:
        print_line("No window to draw.")
    elif plot is not None:
        title = f"{reading.stream.stream}: replay, {tried.monitor.false_alarms}"
        draw_evidence(plot, title, _lines(found, outcome))
    if form == "json":
        print_json(_values(outcome, tried))
    elif form == "csv":
        rows = [_alert_values(row) for row in outcome.alerts]
        print_csv((*_FIELDS, "live"), [list(row.values()) for row in rows])
    else:
        _print(outcome, tried)
        if plot is not None and outcome.segments:
            print_line(f"Wrote {plot}.")


def _lines(found: Replayed, outcome: ReplayOutcome) -> list[EvidenceLine]:
    lines = []
    for row in outcome.segments[:MOST_LINES]:
        course = found.courses[row.segment]
        alarms = [a.window_start for a in found.alerts if a.segment == row.segment]
        lines.append(EvidenceLine(row.segment, course.starts, course.nearness, alarms))
    return lines


def _values(outcome: ReplayOutcome, tried: Tried) -> dict[str, Any]:
    return {
        "since": tried.since,
        "until": tried.until,
        "detector": tried.detector,
        "false_alarms": str(tried.monitor.false_alarms),
        "tests": list(tried.monitor.tests),
        "alerts": [_alert_values(row) for row in outcome.alerts],
        "only_live": [row.id for row in outcome.only_live],
        "segments": [asdict(row) for row in outcome.segments],
    }


def _alert_values(row: ReplayedAlert) -> dict[str, Any]:
    return {name: getattr(row.alert, name) for name in _FIELDS} | {"live": list(row.live)}


def _print(outcome: ReplayOutcome, tried: Tried) -> None:
    span = f"{when(tried.since)} to {when(tried.until)} UTC"
    judged = sum(row.judged for row in outcome.segments)
    print_line(f"{'replayed':<13}{span}: {judged} windows of {len(outcome.segments)} segments")
    print_line(f"{'detector':<13}{tried.detector}")
    print_line(f"{'settings':<13}{tried.monitor.false_alarms}, {', '.join(tried.monitor.tests)}")
    print_line()
    if outcome.alerts:
        _print_alerts(outcome)
    else:
        print_line("No alert under these settings.")
    if outcome.only_live:
        listed = ", ".join(f"#{row.id} {row.segment}" for row in outcome.only_live)
        print_line(f"Told live, and not under these settings: {listed}")
    _print_nearest(outcome)
    not_judged = [row.segment for row in outcome.segments if row.not_judged and not row.judged]
    if not_judged:
        print_line(f"Not judged, since they have no baseline: {', '.join(not_judged)}")


def _print_alerts(outcome: ReplayOutcome) -> None:
    columns = (
        *(Column("segment", folds=True), Column("test", rank=3), Column("told (UTC)")),
        *(Column("since", rank=1), Column("until", rank=2), Column("peak", "right")),
        *(
            Column("normally", "right", rank=4),
            Column("looks like", rank=5),
            Column("told live as"),
        ),
    )
    rows = [_alert_cells(row) for row in outcome.alerts]
    print_table("Alerts under these settings", columns, rows)
    unnamed: dict[str, list[str]] = {}
    for row in outcome.alerts:
        if row.alert.looks_like and not row.alert.faults:
            unnamed.setdefault(row.alert.looks_like, []).append(row.alert.segment)
    for why, segments in unnamed.items():
        print_line(f"{', '.join(dict.fromkeys(segments))}: {why}")


def _alert_cells(row: ReplayedAlert) -> list[str]:
    alert = row.alert
    until = "goes on" if alert.state in LIVE_STATES else when(alert.resolved_at)
    live = ", ".join(f"#{number}" for number in row.live) or "not told"
    return [
        *(alert.segment, alert.test, when(alert.window_start), when(alert.since), until),
        *(percent(alert.rate_peak), percent(alert.rate_normal), claimed_words(alert) or "-", live),
    ]


def _print_nearest(outcome: ReplayOutcome) -> None:
    alerted = {row.alert.segment for row in outcome.alerts}
    others = [row for row in outcome.segments if row.segment not in alerted and row.judged]
    if not others:
        return
    columns = (
        *(Column("segment", folds=True), Column("windows", "right", rank=1)),
        *(Column("evidence", "right"), Column("at (UTC)")),
    )
    print_line()
    title = "The nearest without an alert; 100 % alerts"
    print_table(title, columns, [_nearest_cells(row) for row in others[:_MOST_NEAREST]])


def _nearest_cells(row: NearestMoment) -> list[str]:
    return [row.segment, str(row.judged), percent(row.nearest), when(row.at)]
