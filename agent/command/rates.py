"""``driftgauge rates``: how often each segment is out of distribution, and which got worse."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import ConfigOption, CsvOption, JsonOption
from .reading import StoreOption, StreamOption


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


def parse_picture(text: str) -> Path:
    """Return a file that a plot can be written to."""
    path = Path(text)
    if path.suffix not in (".png", ".html"):
        raise typer.BadParameter(f"{text!r} does not end in .png or .html")
    return path


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
            metavar="TIME",
            help="Only from this time on: '2 hours' ago, yesterday, monday, 2026-03-01T12:00. "
            "Default with --top and --plot: one day (28 with --period day) before the newest image.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only before this time.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Show the N segments that are furthest beyond their own normal rate, a row each.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=parse_picture,
            metavar="FILE",
            help="Draw the rates into FILE.png or FILE.html, of the worst ten (or --top) segments.",
        ),
    ] = None,
    classes: Annotated[
        bool,
        typer.Option(
            "--classes",
            help="Show how often the model predicted each class instead, by hour or day.",
        ),
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, help="Show at most this many rows, the newest.")
    ] = 50,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show how many images were out of distribution, next to the baseline.

    An image is out of distribution when its p-value is at most stream.alpha. The normal rate is
    the segment's own on its reference; it is shown for layer * where the database knows it.

    With --top, a segment whose reference is not known is compared with its own 28 days before.
    Small numbers of images count for less: a rate over n images counts for n / (n + 50).

    Try:

    driftgauge rates --top 10 --since '7 days'

    driftgauge rates --period minute --segment camera=3 --since '2 hours'

    driftgauge rates --period day --since '90 days' --plot rates.png

    driftgauge rates --classes --segment camera=3
    """
    from . import rates_page as page
    from .reading import open_reading, parse_since

    if layer == "all" and top is not None:
        raise typer.BadParameter("--top ranks segments by one layer; add --layer LAYER or leave it")
    asked = page.Asked(
        period=period.value,
        segment=segment,
        layer=None if layer == "all" else layer,
        since=parse_since(since),
        until=parse_since(until, option="--until"),
        limit=limit,
        form="json" if as_json else "csv" if as_csv else "table",
    )
    if classes and (top is not None or plot is not None or period not in (Per.HOUR, Per.DAY)):
        raise typer.BadParameter(
            "--classes lists hours or days; leave out --top, --plot and --period"
        )
    with open_reading(config, store, stream) as reading:
        if classes:
            from .class_rates_page import print_class_rates

            print_class_rates(reading, asked)
        elif plot is not None:
            page.draw(reading, asked, plot, top=top or page.MOST_LINES)
        elif top is not None:
            page.print_top(reading, asked, top=top)
        else:
            page.print_rates(reading, asked)
