"""``driftgauge rates``: how often each segment is out of distribution."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import RateRow

    from .reading import Reading


class Per(StrEnum):
    """Spans of a rate."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WINDOW = "window"


_EARLIER = {"minutely": Per.MINUTE, "hourly": Per.HOUR, "daily": Per.DAY}
"""What the periods were called, for scripts that still say so."""


def parse_period(text: str) -> Per:
    """Return the period that *text* names.

    >>> parse_period("day"), parse_period("daily")
    (<Per.DAY: 'day'>, <Per.DAY: 'day'>)
    """
    try:
        return _EARLIER.get(text) or Per(text)
    except ValueError:
        wanted = ", ".join(Per)
        raise typer.BadParameter(f"{text!r} is not a period; wanted one of {wanted}") from None


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("rates")(rates)


def rates(
    *,
    period: Annotated[
        Per,
        typer.Option(
            parser=parse_period,
            metavar="|".join(Per),
            help="Span of each row, in UTC; a window is as counted.",
        ),
    ] = Per.HOUR,
    segment: Annotated[
        str | None,
        typer.Option(metavar="SEGMENT", help="Only this one: camera=3, or * for all events."),
    ] = None,
    layer: Annotated[
        str,
        typer.Option(metavar="LAYER", help="A layer by name, * for all together, all for each."),
    ] = "*",
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only from this time on: '2 hours' ago, or 2026-03-01T12:00."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Show at most this many rows, the newest.")
    ] = 50,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many images were out of distribution, next to the baseline.

    An image is out of distribution when its p-value is at most stream.alpha. The normal rate is
    the segment's own on its reference; it is shown for layer * where the database knows it.

    Try:

    driftgauge rates --period day

    driftgauge rates --period window --segment camera=3 --since '2 hours'
    """
    from ..review.normal import normal_rates
    from ..terminal.printing import print_json
    from .reading import open_reading, parse_since

    moment = parse_since(since)
    with open_reading(config, store, stream) as reading:
        name = reading.stream.stream
        normal = normal_rates(reading.store, name)
        rows = reading.store.rates(
            name,
            period=period.value,
            segment=segment,
            layer=None if layer == "all" else layer,
            since=moment,
            limit=limit,
        )
        if as_json:
            print_json([{**asdict(row), "normal_rate": _normal(row, normal)} for row in rows])
        elif rows:
            _print_rows(name, rows, normal, full=len(rows) == limit)
        else:
            _print_nothing(reading)


def _normal(row: RateRow, normal: dict[str, float]) -> float | None:
    return normal.get(row.segment) if row.layer == "*" else None


def _print_rows(name: str, rows: list[RateRow], normal: dict[str, float], *, full: bool) -> None:
    from ..terminal.printing import percent, print_line, when
    from ..terminal.table import Column, print_table

    columns = (
        *(Column("UTC"), Column("segment", folds=True), Column("layer", rank=2)),
        *(Column("images", "right", rank=1), Column("OOD", "right", rank=3)),
        *(Column("rate", "right"), Column("normally", "right")),
    )
    cells = [
        (
            *(when(row.period_start), row.segment, row.layer, str(row.events)),
            *(str(row.ood_events), percent(row.ood_rate), percent(_normal(row, normal))),
        )
        for row in rows
    ]
    print_table(f"Out of distribution (OOD) on {name}", columns, cells)
    if full:
        print_line(f"The newest {len(rows)} rows; --limit shows more.")


def _print_nothing(reading: Reading) -> None:
    from ..terminal.printing import print_line

    counted = reading.store.event_counts(reading.stream.stream)
    if counted:
        print_line(f"No images match. Segments: {', '.join(counted)}.")
    else:
        print_line(f"No images counted on {reading.stream.stream} yet.")
