"""``driftgauge db``: the database's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import ConfigOption, JsonOption


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(help="Create and upgrade the database's tables.", no_args_is_help=True)
    group.command("upgrade")(upgrade)
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

    Safe to run again, and while agents run: it waits for its turn and changes all or nothing.
    """
    from ..terminal.printing import print_json, print_line
    from ..terminal.upgrade_progress import upgrade_bars
    from .reading import open_database

    with open_database(store or _configured(config), make=True) as database:
        with upgrade_bars() as on_move:
            changed = database.upgrade(on_move)
        if as_json:
            print_json({"database": database.name, "changed": changed})
        else:
            did = "is now" if changed else "was already"
            print_line(f"{database.name} {did} at the version of this driftgauge.")


def _configured(config: Path | None) -> str:
    from ..settings.load import load_settings

    return load_settings(config).store.url.get_secret_value()
