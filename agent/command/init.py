"""``driftgauge init``: write a commented settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("init")(init)


def init(
    path: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="File to write.", show_default=True)
    ] = Path("driftgauge.toml"),
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file if it exists.")
    ] = False,
) -> None:
    """Write a commented settings file to start from."""
    from ..errors import SettingsError
    from ..settings.sample import sample_toml
    from ..terminal.printing import print_line

    if path.exists() and not force:
        raise SettingsError(f"{path} exists already; --force overwrites it")
    if not path.parent.is_dir():
        raise SettingsError(f"the folder {path.parent} does not exist")
    path.write_text(sample_toml(), encoding="utf-8")
    print_line(f"Wrote {path}. Set [stream] and [model] in it, then:")
    print_line("  driftgauge config   show the effective settings and where each came from")
    print_line(
        "  driftgauge fit      fit a detector on normal images, from a folder or from the topic"
    )
    print_line("  driftgauge run      watch the topic")
