"""``driftgauge db``: the database's tables, copies of it, and what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftgauge.storage import LevelKeep


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(
        help="Create and upgrade the database's tables, copy it, and drop what is old.",
        no_args_is_help=True,
    )
    group.command("upgrade")(upgrade)
    group.command("backup")(backup)
    group.command("retain")(retain)
    app.add_typer(group, name="db")


def upgrade(
    config: ConfigOption = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Database to upgrade, such as sqlite:///driftgauge.db; no settings file is needed "
            "then. Default: store.url of the settings.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the tables and views, or bring them to this version of driftgauge.

    Safe to run again, also after a kill: it goes on where it was. Of several at once one does the work.
    """
    from ..terminal.printing import print_json, print_line
    from ..terminal.upgrade_progress import upgrade_bars
    from .reading import open_database

    with open_database(store or _configured(config), make=True) as database:
        with upgrade_bars(then="hours and days of it, and giving space back") as on_move:
            changed = database.upgrade(on_move)
        if as_json:
            print_json({"database": database.name, "changed": changed})
        else:
            did = "is now" if changed else "was already"
            print_line(f"{database.name} {did} at the version of this driftgauge.")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; must not exist yet.")],
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy an SQLite database, whole, while agents write on.

    PostgreSQL is copied by pg_dump. docs/backup.md says what a restored copy means for the events.
    """
    from driftgauge.storage import Store

    from ..terminal.printing import print_json, print_line
    from ..terminal.upgrade_progress import upgrade_bars
    from .reading import open_database

    with open_database(store or _configured(config)) as database:
        with upgrade_bars("pages of the database") as on_pages:
            Store(database).upkeep.backup(file, on_pages)
        n_bytes = file.stat().st_size
        if as_json:
            print_json({"database": database.name, "file": str(file), "bytes": n_bytes})
        else:
            print_line(f"{database.name} is copied to {file}, {n_bytes / 1e6:.1f} MB.")


def retain(
    config: ConfigOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be dropped, and drop nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Drop the counts that are older than the settings keep, as the agents do each hour.

    Counts that are dropped by window stay by hour, and those by hour by day.
    """
    from driftgauge.storage import Store

    from ..jobs.history import keep_spans
    from ..settings.load import load_settings
    from .reading import open_database

    settings = load_settings(config)
    keep, stream = keep_spans(settings.store), settings.stream.name
    with open_database(settings.store.url.get_secret_value()) as database:
        database.check_schema()
        upkeep = Store(database).upkeep
        plan = upkeep.plan_retention(stream, keep, count=True)
        if not dry_run:
            for _ in upkeep.retain(stream, keep):
                pass
    _print_plan(plan, dry_run=dry_run, as_json=as_json)


def _print_plan(plan: Sequence[LevelKeep], *, dry_run: bool, as_json: bool) -> None:
    from ..terminal.printing import print_json, when
    from ..terminal.table import Column, print_table

    if as_json:
        levels = [
            {
                "level": level.level,
                "kept_from": level.kept_from,
                "rows": level.rows,
                "held_by": level.held_by,
            }
            for level in plan
        ]
        print_json({"dropped": not dry_run, "levels": levels})
        return
    heading = "would be dropped" if dry_run else "dropped"
    columns = [
        *(Column("level"), Column("kept from"), Column(f"rows {heading}", "right")),
        Column("held back by", rank=1),
    ]
    rows = [
        [
            level.level,
            when(level.kept_from) if level.kept_from.timestamp() > 0 else "the beginning",
            f"{level.rows:,}",
            level.held_by,
        ]
        for level in plan
    ]
    print_table("The history", columns, rows)


def _configured(config: Path | None) -> str:
    from ..settings.load import load_settings

    return load_settings(config).store.url.get_secret_value()
