"""Options that several commands share."""

from __future__ import annotations

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
