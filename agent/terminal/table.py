"""Tables that fit the terminal: columns go before a number breaks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..log import escaped

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2
_LEAST_TEXT = 16
"""Characters that a column of text keeps when it folds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        side: ``right`` for numbers.
        rank: 0 is always shown; of the others the highest goes first where room is short.
        folds: its text may take several lines.
    """

    heading: str
    side: Literal["left", "right"] = "left"
    rank: int = 0
    folds: bool = False


def print_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    console: Console | None = None,
) -> None:
    """Print a table, and below it which columns had no room.

    Output that is no terminal is as wide as it must be, unless ``COLUMNS`` says otherwise.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[escaped(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells)
    console = console or Console()
    has_width = console.is_terminal or "COLUMNS" in os.environ
    width = console.width if has_width else sum(widths) + _GAP * len(columns)
    shown = fitting(columns, widths, width)
    table = Table(title=Text(escaped(title)), title_justify="left", box=None, pad_edge=False)
    for index in shown:
        column = columns[index]
        table.add_column(
            Text(column.heading), justify=column.side, overflow="fold", no_wrap=not column.folds
        )
    for row in cells:
        table.add_row(*(Text(row[index]) for index in shown))
    console = Console(file=console.file, width=width)
    console.print(table)
    left_out = [columns[index].heading for index in range(len(columns)) if index not in shown]
    if left_out:
        console.print(Text(escaped(f"Not shown at this width: {', '.join(left_out)}."), "dim"))


def fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the indices of the columns that fit, in order."""
    shown = list(range(len(columns)))
    while _needed([columns[i] for i in shown], [widths[i] for i in shown]) > width:
        rank, worst = max((columns[index].rank, index) for index in shown)
        if rank == 0:
            break
        shown.remove(worst)
    return shown


def _needed(columns: Sequence[Column], widths: Sequence[int]) -> int:
    """Return the characters that *columns* take at least."""
    least = (
        min(width, _LEAST_TEXT) if column.folds else width
        for column, width in zip(columns, widths, strict=True)
    )
    return sum(least) + _GAP * (len(columns) - 1)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [
        max(cell_len(text) for text in (column.heading, *(row[index] for row in rows)))
        for index, column in enumerate(columns)
    ]
