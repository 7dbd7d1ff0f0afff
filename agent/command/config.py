"""``driftgauge config``: the effective settings and where each came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from .options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from ..settings import LoadedSettings


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("config")(config)


def config(path: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the effective settings, and where each came from; passwords are hidden."""
    from ..settings import load_with_origins

    loaded = load_with_origins(path)
    if as_json:
        print(json.dumps(_values(loaded), indent=2))
        return
    _print_table(loaded)


def _values(loaded: LoadedSettings) -> dict[str, dict[str, dict[str, object]]]:
    shown = loaded.settings.model_dump(mode="json")
    shown["store"]["url"] = loaded.settings.store.masked_url()
    return {
        section: {
            name: {"value": value, "origin": loaded.origins[f"{section}.{name}"]}
            for name, value in values.items()
        }
        for section, values in shown.items()
    }


def _print_table(loaded: LoadedSettings) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for section, values in _values(loaded).items():
        for name, entry in values.items():
            origin = str(entry["origin"])
            style = "dim" if origin == "default" else ""
            table.add_row(f"{section}.{name}", json.dumps(entry["value"]), origin, style=style)
    Console(highlight=False, soft_wrap=False).print(table)
