"""``driftgauge config``: the effective settings and where each came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from .options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from ..settings.load import LoadedSettings


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("config")(config)


def config(path: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the effective settings, and where each came from; passwords are hidden."""
    from ..settings.load import load_with_origins
    from ..terminal.printing import print_json

    loaded = load_with_origins(path)
    if as_json:
        print_json(_values(loaded))
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
    """Print aligned lines, never folded, so that they can be searched."""
    from ..terminal.printing import print_line

    rows = [
        (f"{section}.{name}", json.dumps(entry["value"], ensure_ascii=False), str(entry["origin"]))
        for section, values in _values(loaded).items()
        for name, entry in values.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in (("SETTING", "VALUE", "FROM"), *rows):
        line = f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}"
        print_line((line, "dim" if origin == "default" else ""))
