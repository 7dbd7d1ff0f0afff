"""``driftgauge alerts``: what was claimed, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from . import alert_steps
from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import AlertRecord


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(
        help="List the monitor's alerts, acknowledge and resolve them.", no_args_is_help=True
    )
    group.command("list")(list_alerts)
    group.command("show")(alert_steps.show)
    group.command("ack")(alert_steps.acknowledge)
    group.command("resolve")(alert_steps.resolve)
    app.add_typer(group, name="alerts")


def list_alerts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Include resolved alerts.")] = False,
    segment: Annotated[
        str | None, typer.Option(metavar="SEGMENT", help="Only this one, such as camera=3.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 50,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alerts, newest first.

    Try:

    driftgauge alerts list --all

    driftgauge alerts list --segment camera=3 --json
    """
    from driftgauge.storage import LIVE_STATES

    from ..terminal.printing import print_json, print_line
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        name = reading.stream.stream
        states = None if everything else LIVE_STATES
        found = reading.store.alerts(name, states=states, segment=segment, limit=limit)
        if as_json:
            print_json([asdict(alert) for alert in found])
        elif found:
            print_alerts(f"Alerts on {name}", found)
        else:
            print_line(
                "No alerts." if everything else "No unresolved alerts; --all shows resolved ones."
            )


def print_alerts(title: str, found: list[AlertRecord]) -> None:
    """Print *found* with each claim in words."""
    from ..terminal.printing import percent, print_line, when
    from ..terminal.table import Column, print_table

    columns = (
        Column("id", "right"),
        Column("state", rank=2),
        Column("severity", rank=3),
        Column("segment", folds=True),
        Column("since (UTC)"),
        Column("rate", "right", rank=1),
        Column("normally", "right", rank=4),
        Column("resolved (UTC)", rank=5),
    )
    rows = [
        (
            *(str(alert.id), alert.state, alert.severity, alert.segment, when(alert.since)),
            *(percent(alert.rate_now), percent(alert.rate_normal), when(alert.resolved_at)),
        )
        for alert in found
    ]
    print_table(title, columns, rows)
    for alert in found:
        print_line(f"{alert.id}: {alert.message}")
