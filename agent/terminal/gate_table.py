"""The table of a gate's or a trial's checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .table import Column, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from driftgauge.storage import GateCheck


def print_checks(
    title: str, checks: Sequence[GateCheck], *, console: Console | None = None
) -> None:
    """Print what was found, a row a check; nothing where there is none."""
    if checks:
        columns = [Column("check"), Column("verdict"), Column("what was found", folds=True)]
        rows = [[check.name, check.verdict, check.words] for check in checks]
        print_table(title, columns, rows, console=console)
