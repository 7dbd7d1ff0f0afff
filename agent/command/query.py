"""``driftgauge query``: SQL of one's own, which can only read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, CsvOption, JsonOption
from .reading import StoreOption

if TYPE_CHECKING:
    from driftgauge.storage import Database, QueryResult


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("query")(query)


def query(
    *,
    sql: Annotated[
        str | None,
        typer.Argument(
            metavar="SQL",
            help="One SELECT, or - to read it from standard input. Without it the views and tables "
            "are listed.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows.")] = 1000,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="End the query after this long.")
    ] = "30 seconds",
    config: ConfigOption = None,
    store: StoreOption = None,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run one SELECT on the database, on a connection that cannot write.

    docs/sql.md describes the views and tables. On PostgreSQL, a role that may only read protects
    what this connection cannot: functions with effects of their own.

    Try:

    driftgauge query "SELECT * FROM segments_now"

    driftgauge query --csv - < question.sql > answer.csv
    """
    from ..terminal.printing import print_csv, print_json
    from .reading import open_database, parse_duration_option, store_url

    seconds = parse_duration_option(timeout, "--timeout")
    with open_database(store_url(config, store)) as database:
        if sql is None:
            _print_names(database)
            return
        text = sys.stdin.read() if sql == "-" else sql
        found = database.query(text, timeout_seconds=seconds, limit=limit)
    if as_json:
        print_json([dict(zip(found.columns, row, strict=True)) for row in found.rows])
    elif as_csv:
        print_csv(found.columns, found.rows)
    else:
        _print_table(found)
    if found.is_cut:
        _tell_cut(limit)


def _print_names(database: Database) -> None:
    from ..terminal.printing import print_line

    for kind, names in (("view", database.view_names()), ("table", database.table_names())):
        for name in names:
            print_line(f"{kind:<6}{name}")


def _print_table(found: QueryResult) -> None:
    from ..terminal.printing import cell_text, print_line
    from ..terminal.table import Column, print_table

    if not found.rows:
        print_line("No rows.")
        return
    numbers = [
        all(isinstance(row[index], int | float | None) for row in found.rows)
        for index in range(len(found.columns))
    ]
    columns = [
        Column(name, "right" if is_number else "left", rank=index, folds=not is_number)
        for index, (name, is_number) in enumerate(zip(found.columns, numbers, strict=True))
    ]
    print_table("", columns, [[cell_text(value) for value in row] for row in found.rows])


def _tell_cut(limit: int) -> None:
    from rich.console import Console

    from ..terminal.printing import print_line

    told = f"Only the first {limit} rows; --limit shows more."
    print_line(told, console=Console(stderr=True))
