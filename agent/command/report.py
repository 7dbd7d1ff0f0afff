"""``driftgauge report``: a page of a stream's rates, alerts and frames."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from .options import ConfigOption
from .reading import StoreOption, StreamOption


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("report")(report)


def report(
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="From then on, by the images' own time: '7 days' ago, or 2026-03-01T12:00. "
            "Default: one day before the newest image.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")
    ] = Path("report.html"),
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Write one page with rates by segment, alerts in words, and the frames that were kept.

    It reads the database alone, needs no network when it is opened, and holds the kept frames: give
    it to those who may see them.
    """
    from ..errors import SettingsError
    from ..pages.stream_report import write_stream_report
    from ..terminal.printing import print_line
    from .reading import open_reading, parse_since

    moment = parse_since(since)
    if not output.parent.is_dir():
        raise SettingsError(f"the folder {output.parent} does not exist")
    with open_reading(config, store, stream) as reading:
        now = datetime.now(UTC)
        write_stream_report(output, reading.store, reading.stream, since=moment, now=now)
    print_line(f"Wrote {output}.")
