"""Options that several commands share."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="DRIFTGAUGE_CONFIG",
        help="Settings file. Default: driftgauge.toml in this folder, if there is one.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
CsvOption = Annotated[
    bool, typer.Option("--csv", help="Print comma-separated values for spreadsheets.")
]
NoteOption = Annotated[str, typer.Option(metavar="TEXT", help="A note with the reason.")]
ByOption = Annotated[
    str, typer.Option(metavar="NAME", help="Who you are. Default: the name you are logged in with.")
]


def person(by: str) -> str:
    """Return who gives a command: *by*, or the name that one is logged in with."""
    return by or getpass.getuser()
