"""What ``driftgauge status`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..counting.clocks import clock_text
from ..review.normal import normal_rates
from ..review.overview import totals, worst_first
from ..review.retraining_state import kept_in_words, retraining_in_words, trial_in_words
from ..review.standing import is_alive
from ..terminal.printing import percent, print_line, when
from ..terminal.table import Column, print_table
from .alert_incidents import print_incidents
from .alert_mutes import print_mutes
from .alerts import print_alerts

if TYPE_CHECKING:
    from driftgauge.storage import AgentRecord, IncidentRecord

    from ..review.segment_standing import SegmentStanding
    from ..review.standing import StreamStanding
    from .reading import Reading

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MOST_SEGMENTS = 10
_DAYS_OUTSIDE = 3
_MOST_ALERTS = _MOST_AGENTS = _MOST_PARTITIONS = 5


def print_head(reading: Reading, standing: StreamStanding) -> None:
    """Print the answer first, then what is watched and how far it is judged."""
    stream = reading.stream
    detector, row = reading.store.active_detector(stream.stream), standing.last_window
    style = "bold green" if standing.answer == "working" else "bold red"
    why = f": {standing.why}" if standing.why else ""
    print_line(f"{'answer':<13}", (standing.answer, style), why)
    lines = {
        "stream": stream.stream,
        "topic": f"{stream.topic}, windows of {stream.window_seconds} s",
        "detector": f"{detector.detector} ({detector.uri})" if detector else "none registered",
        "last window": "none yet"
        if row is None
        else f"{when(row.period_start)} UTC, {row.events} images, {percent(row.ood_rate)} "
        "out of distribution",
        "judged until": _judged(standing),
        "kept taps": kept_in_words(reading.store, stream.stream),
        "retraining": retraining_in_words(reading.store, stream.stream),
    }
    if trial := trial_in_words(reading.store, stream.stream):
        lines["candidate"] = trial
    for label, text in lines.items():
        print_line(f"{label:<13}{text}")


def _judged(standing: StreamStanding) -> str:
    if standing.judged_until is None:
        return "not yet"
    lag = standing.judging_lag_seconds or 0.0
    waits = f", what came since has waited {_span(lag)}" if lag > 0 else ""
    return f"{when(standing.judged_until)} UTC{waits}"


def print_agents(standing: StreamStanding, *, everything: bool) -> None:
    """Print the agents with a heartbeat, and why messages could not be used."""
    if not standing.agents:
        return
    shown = standing.agents if everything else standing.agents[:_MOST_AGENTS]
    columns = (
        Column("agent on", folds=True),
        Column("version", rank=4),
        Column("since (UTC)", rank=3),
        Column("seen", "right"),
        Column("flushed (UTC)", rank=2),
        Column("lag", "right"),
        Column("dead letters", "right", rank=1),
        Column("state", folds=True),
    )
    rows = [
        (
            *(row.host, row.version, when(row.started_at), f"{_span(row.seen_seconds_ago)} ago"),
            *(when(row.last_flush_at), _lag(row), str(row.dead_letters)),
            row.condition if is_alive(row) else "gone, without a clean shutdown",
        )
        for row in shown
    ]
    print_line()
    print_table("Agents", columns, rows)
    _print_more(len(standing.agents) - len(shown))
    for row in shown:
        if row.dead_letter_reason:
            print_line(f"last dead letter of {row.host}: {row.dead_letter_reason}")


def _lag(row: AgentRecord) -> str:
    if row.lag_messages is None:
        return "-"
    age = f", {_span(row.lag_seconds)}" if row.lag_seconds else ""
    return f"{row.lag_messages}{age}"


def _span(seconds: float) -> str:
    """Return a length of time in its largest unit.

    >>> _span(42), _span(5400), _span(200000)
    ('42 s', '1.5 h', '2.3 d')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.1f} d"


def print_partitions(reading: Reading, *, everything: bool) -> None:
    """Print how far each partition is counted; of many, those that were flushed longest ago."""
    found = sorted(reading.store.partitions(reading.stream.stream), key=lambda row: row.flushed_at)
    is_cut = len(found) > _MOST_PARTITIONS and not everything
    shown = found[:_MOST_PARTITIONS] if is_cut else found
    rows = [
        (
            *(row.topic, str(row.partition), str(row.next_offset)),
            *(when(row.event_time_max), when(row.flushed_at)),
        )
        for row in sorted(shown, key=lambda row: (row.topic, row.partition))
    ]
    print_line()
    if not rows:
        print_line("No partition counted yet: has the agent run? (driftgauge run)")
        return
    columns = (
        *(Column("topic", rank=1, folds=True), Column("partition", "right")),
        Column("next offset", "right"),
        *(Column("latest event (UTC)", rank=2), Column("flushed (UTC)")),
    )
    title = "Partitions that were flushed longest ago" if is_cut else "Partitions"
    print_table(title, columns, rows)
    _print_more(len(found) - len(shown))


def print_segments(
    reading: Reading, standings: Sequence[SegmentStanding], *, everything: bool
) -> None:
    """Print how each segment stands: whether it can alert, how near it is, and why it cannot."""
    if not standings:
        return
    normal = normal_rates(reading.store, reading.stream.stream)
    ranked = worst_first(standings)
    shown = ranked if everything else ranked[:_MOST_SEGMENTS]
    columns = (
        Column("segment", folds=True),
        Column("images", "right", rank=2),
        Column("normally", "right", rank=1),
        Column("evidence", "right"),
        Column("all fail told in", "right", rank=4),
        Column("clock", rank=3),
        Column("state", folds=True),
    )
    rows = [
        (
            *(row.segment, str(row.images), percent(normal.get(row.segment))),
            "-" if row.nearness is None else f"{100 * row.nearness:.0f} %",
            row.power.total_failure if row.power else "-",
            "-" if row.clock_offset_seconds is None else clock_text(row.clock_offset_seconds),
            _state(row),
        )
        for row in shown
    ]
    print_line()
    print_table(_segments_title(standings), columns, rows)
    _print_more(len(ranked) - len(shown))


def _segments_title(standings: Sequence[SegmentStanding]) -> str:
    return f"{totals(standings)}; evidence of a change, 100 % alerts"


def _print_more(n_more: int) -> None:
    if n_more > 0:
        print_line(f"and {n_more} more; --all shows all.")


def _state(row: SegmentStanding) -> str:
    if row.phase == "learning":
        until = f" until {when(row.learns_until)} UTC" if row.learns_until else ""
        return f"learning{until}, raises no alert: {row.why}"
    if row.phase in ("alert", "silent", "judged") and row.why:
        return f"{row.phase}: {row.why}"
    if row.power is not None and not row.power.is_useful:
        return f"{row.phase}: {row.why}"
    if row.why:
        return f"raises no alert: {row.why}"
    if row.days_outside >= _DAYS_OUTSIDE:
        return f"{row.phase}; for {row.days_outside} days too far from its baseline to join it"
    return row.phase


def print_live_alerts(reading: Reading, *, everything: bool) -> None:
    """Print the alerts that live, the most severe and then the newest first; of many, incidents."""
    from driftgauge.storage import LIVE_STATES, SEVERITIES

    name = reading.stream.stream
    live = reading.store.alerts(name, states=LIVE_STATES)
    mutes = reading.store.mutes(name)
    ranked = sorted(live, key=lambda alert: -SEVERITIES.index(alert.severity))
    print_line()
    if not live:
        print_line("No unresolved alerts.")
    elif everything or len(live) <= _MOST_ALERTS:
        print_alerts("Live alerts", ranked, mutes=mutes)
    else:
        _print_live_incidents(reading.store.incidents(name, states=LIVE_STATES), n_alerts=len(live))
    print_mutes(mutes)


def _print_live_incidents(found: Sequence[IncidentRecord], *, n_alerts: int) -> None:
    """Print the incidents that live, so that one cause of many alerts does not hide another."""
    from driftgauge.storage import SEVERITIES

    from ..alert.incident_wording import incident_message

    ranked = sorted(found, key=lambda one: -SEVERITIES.index(one.severity))
    shown = ranked[:_MOST_ALERTS]
    print_incidents(f"Live incidents, {n_alerts:,} alerts in all", shown)
    _print_more(len(ranked) - len(shown))
    for one in shown:
        print_line(f"{one.id}: {incident_message(one)}")


def print_deliveries(reading: Reading) -> None:
    """Print which receivers have not been told of alerts; nothing where all were."""
    from driftgauge.storage import BACKLOG_STATES

    found = reading.store.notification_counts(reading.stream.stream, BACKLOG_STATES)
    troubled = [one for one in found if one.state == "dead" or one.last_error]
    if troubled:
        print_line()
    for one in troubled:
        what = "was never delivered, given up" if one.state == "dead" else "waits"
        print_line(
            (f"{one.sink}: {one.count} alert step{'' if one.count == 1 else 's'} {what}", "red"),
            f": {one.last_error} (driftgauge notify test)",
        )


def print_scores(reading: Reading) -> None:
    """Print the running statistics of each layer's scores."""
    names = ("mean", "variance", "minimum", "p05", "p50", "p95", "maximum")
    rows = [
        (row.layer, str(row.events), *(f"{getattr(row, name):.4g}" for name in names))
        for row in reading.store.summaries(reading.stream.stream)
    ]
    if rows:
        print_line()
        ranks = {"variance": 4, "minimum": 3, "p05": 2, "maximum": 1}
        columns = (
            *(Column("layer", folds=True), Column("images", "right", rank=5)),
            *(Column(name, "right", rank=ranks.get(name, 0)) for name in names),
        )
        print_table("Scores since the agent started", columns, rows)
