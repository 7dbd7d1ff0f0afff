"""``driftgauge alerts``: what was claimed, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from . import alert_export, alert_incidents, alert_mutes, alert_show, alert_steps
from .options import ConfigOption, CsvOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftgauge.storage import AlertRecord, MuteRecord

FEW = 5
"""So many alerts are printed with their claims in words; more would fill the screen."""


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(
        help="List the monitor's alerts, and say what you know about them.", no_args_is_help=True
    )
    group.command("list")(list_alerts)
    group.command("show")(alert_show.show)
    group.command("export")(alert_export.export)
    group.command("ack")(alert_steps.acknowledge)
    group.command("resolve")(alert_steps.resolve)
    group.command("accept")(alert_steps.accept)
    group.command("note")(alert_steps.write_note)
    group.command("mute")(alert_mutes.mute)
    group.command("unmute")(alert_mutes.unmute)
    group.command("mutes")(alert_mutes.list_mutes)
    group.command("incidents")(alert_incidents.show_incidents)
    group.command("verdicts")(list_verdicts)
    app.add_typer(group, name="alerts")


class State(StrEnum):
    """States to choose alerts by."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    GONE = "gone"


def list_alerts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Include resolved alerts.")] = False,
    state: Annotated[
        list[State] | None,
        typer.Option(help="Only alerts in this state; may be given more than once."),
    ] = None,
    segment: Annotated[
        str | None, typer.Option(metavar="SEGMENT", help="Only this one, such as camera=3.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Opened since then: '2 days', or 2026-03-01T12:00."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Opened before then, as for --since.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 15,
    as_csv: CsvOption = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alerts, newest first; times are when they were opened, by the database's clock.

    Try:

    driftgauge alerts list --all --since '7 days'

    driftgauge alerts list --segment camera=3 --json
    """
    from driftgauge.storage import LIVE_STATES, AlertRecord

    from ..terminal.printing import print_csv, print_json, print_line
    from .reading import open_reading, parse_since

    states = state or (None if everything else LIVE_STATES)
    begin, end = parse_since(since), parse_since(until, option="--until")
    with open_reading(config, store, stream) as reading:
        name, read = reading.stream.stream, reading.store
        most = None if as_csv else limit
        found = read.alerts(
            name, states=states, segment=segment, limit=most, since=begin, until=end
        )
        n_all = read.count_alerts(name, states=states, segment=segment, since=begin, until=end)
        mutes = read.mutes(name)
        if as_json:
            print_json([asdict(one) | {"muted": has_mute(one, mutes)} for one in found])
        elif as_csv:
            rows = [asdict(alert) for alert in found]
            print_csv(
                [field.name for field in fields(AlertRecord)], [list(row.values()) for row in rows]
            )
        elif found:
            print_alerts(f"Alerts on {name}", found, n_all=n_all, mutes=mutes)
            alert_incidents.print_shared(reading, found)
        else:
            hidden = states is LIVE_STATES and not (segment or begin or end)
            print_line("No unresolved alerts; --all shows resolved ones." if hidden else _NONE)


_NONE = "No alerts."


def has_mute(alert: AlertRecord, mutes: Sequence[MuteRecord]) -> bool:
    """Return whether nobody is told of an alert for now."""
    return any(one.holds(alert.segment) for one in mutes)


def print_alerts(
    title: str,
    found: Sequence[AlertRecord],
    *,
    n_all: int | None = None,
    mutes: Sequence[MuteRecord] = (),
) -> None:
    """Print *found*, each claim in words where there are few, and how many more there are.

    Every time in the table is when something was done, by the wall clock; the claims say when it
    happened, by the cameras'.
    """
    from driftgauge.storage import UNRATED

    from ..alert.fault_claim import claimed_words
    from ..terminal.printing import percent, print_line, when
    from ..terminal.table import Column, print_table

    def rate(alert: AlertRecord, value: float) -> str:
        return percent(None if alert.test in UNRATED else value)

    columns = (
        *(Column("id", "right"), Column("state"), Column("severity", rank=3)),
        *(Column("segment", folds=True), Column("opened (UTC)"), Column("rate", "right", rank=1)),
        *(Column("normally", "right", rank=4), Column("ended (UTC)", rank=5)),
        *(Column("verdict", rank=2), Column("incident", "right", rank=6)),
        Column("looks like", rank=7),
    )
    rows = [
        (
            *(str(alert.id), alert.state + (", muted" if has_mute(alert, mutes) else "")),
            *(alert.severity, alert.segment, when(alert.opened_at)),
            *(rate(alert, alert.rate_now), rate(alert, alert.rate_normal)),
            when(alert.resolved_at),
            *(alert.verdict or "-", str(alert.incident_id or "-")),
            claimed_words(alert) or "-",
        )
        for alert in found
    ]
    print_table(title, columns, rows)
    if n_all is not None and n_all > len(found):
        print_line(f"... and {n_all - len(found):,} more; --limit shows more of them.")
    if len(found) > FEW:
        print_line("`driftgauge alerts show NUMBER` says what changed.")
    for alert in found if len(found) <= FEW else ():
        print_line(f"{alert.id}: {alert.message}")


def list_verdicts(
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how often the alerts of each test were right, by the verdicts that people gave."""
    from ..terminal.printing import percent, print_json, print_line
    from ..terminal.table import Column, print_table
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        counts = reading.store.verdict_counts(reading.stream.stream)
    if as_json:
        print_json([asdict(count) for count in counts])
        return
    if not counts:
        print_line(_NONE)
        return
    numbers = ("alerts", "real", "accepted", "false", "unjudged", "right")
    rows = []
    for row in counts:
        judged = row.alerts - row.unjudged
        right = (row.real + row.accepted) / judged if judged else None
        figures = (row.alerts, row.real, row.accepted, row.false, row.unjudged)
        rows.append((row.test, *(f"{figure:,}" for figure in figures), percent(right)))
    columns = (Column("test", folds=True), *(Column(name, "right") for name in numbers))
    print_table("Verdicts", columns, rows)
