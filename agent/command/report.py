"""``driftgauge report``: one page with the rates, the alerts and the frames of a stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from .reading import Reading


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("report")(report)


def report(
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="From then on, by the images' own time: '2 days' ago, or 2026-03-01T12:00. "
            "Default: one day before the newest image.",
        ),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option(metavar="SEGMENT", help="Only this one: camera=3, or * for all events."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="HTML file to write; overwritten if it exists."
        ),
    ] = Path("report.html"),
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Write a page with the rates, the alerts and the most unusual frames of a stream.

    It is one HTML file that needs no network. It holds pictures, so only you may read it until you
    say otherwise. Of many segments the worst ten are shown.

    Try:

    driftgauge report --since '2 days'

    driftgauge report --segment camera=3 -o camera-3.html
    """
    from datetime import UTC, datetime

    from ..errors import SettingsError
    from ..pages.stream_report import write_stream_report
    from ..terminal.printing import print_line
    from .reading import open_reading, parse_since

    moment = parse_since(since)
    with open_reading(config, store, stream) as reading:
        now = datetime.now(UTC)
        try:
            write_stream_report(
                output, reading.store, reading.stream, since=moment, now=now, segment=segment
            )
        except OSError as error:
            raise SettingsError(
                f"the report cannot be written to {output}: {error.strerror}",
                hint="choose another file with --output",
            ) from error
        print_line(f"Wrote {output}.")
        _print_if_empty(reading, segment)


def _print_if_empty(reading: Reading, segment: str | None) -> None:
    from ..terminal.printing import print_line

    counted = reading.store.segments(reading.stream.stream)
    if not counted:
        print_line(f"No images counted on {reading.stream.stream} yet.")
    elif segment is not None and segment not in counted:
        print_line(f"No images match. Segments: {', '.join(counted)}.")
