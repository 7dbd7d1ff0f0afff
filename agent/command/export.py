"""``driftgauge export``: the history as a Parquet file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from .reading import Reading

BATCH_ROWS = 50_000
"""About 40 MB of Python objects."""

VIEWS = (
    *("ood_rate_minutely", "ood_rate_hourly", "ood_rate_daily"),
    *("p_value_histogram", "p_value_histogram_daily"),
)


def parse_target(text: str) -> Path:
    """Return a file that an export can be written to."""
    if not text.endswith(".parquet"):
        raise typer.BadParameter(f"{text!r} does not end in .parquet")
    return Path(text)


def parse_view(text: str) -> str:
    """Return a view that can be exported."""
    if text not in VIEWS:
        raise typer.BadParameter(f"{text!r} cannot be exported; wanted one of {', '.join(VIEWS)}")
    return text


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("export")(export)


def export(
    *,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            parser=parse_target,
            metavar="FILE.parquet",
            help="File to write; overwritten if it exists.",
        ),
    ],
    view: Annotated[
        str,
        typer.Option(
            parser=parse_view,
            metavar="VIEW",
            help=f"What to export, as docs/sql.md describes it: {', '.join(VIEWS)}.",
        ),
    ] = "ood_rate_hourly",
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only from this time on: '30 days' ago, 2026-03-01."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only before this time.")
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Write a view of the stream's history to a Parquet file, for pandas, DuckDB and Spark.

    It reads as it writes, so its memory is bounded whatever the history. Needs the extra export.

    Try:

    driftgauge export --to rates.parquet --since '90 days'

    driftgauge export --to histogram.parquet --view p_value_histogram --since yesterday
    """
    from ..terminal.printing import print_line
    from .reading import open_reading, parse_since

    begin, end = parse_since(since), parse_since(until, option="--until")
    with open_reading(config, store, stream) as reading:
        n_rows = _export(reading, to, view, begin, end)
    print_line(f"Wrote {to}: {n_rows} rows of {view}.")


def _export(
    reading: Reading, to: Path, view: str, since: datetime | None, until: datetime | None
) -> int:
    from rich.console import Console

    from driftgauge.storage import EXPORTED

    from ..pages.parquet import write_parquet
    from ..terminal.progress import progress_bars

    with (
        reading.store.read_view(
            *(view, reading.stream.stream), since=since, until=until, batch_rows=BATCH_ROWS
        ) as (total, batches),
        progress_bars(Console(stderr=True), transient=True) as bars,
    ):
        task = bars.add_task("rows", total=total)
        return write_parquet(
            to, EXPORTED[view], batches, on_rows=lambda rows: bars.advance(task, rows)
        )
