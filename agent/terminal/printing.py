"""Lines, errors and JSON on the terminal; text from outside cannot steer it.

Every value may come from a sender that nobody knows. So nothing is read as Rich's markup, and what
a terminal would obey is written as an escape.
"""

from __future__ import annotations

import base64
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ..log import escaped

if TYPE_CHECKING:
    from rich.console import Console

Part = str | tuple[str, str]
"""Text, or text with a style of Rich's, such as ``("found", "green")``."""


def print_line(*parts: Part, console: Console | None = None) -> None:
    """Print one line, however wide; *console* is standard output unless told otherwise."""
    from rich.console import Console
    from rich.text import Text

    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(escaped(text), style)
    (console or Console()).print(line, soft_wrap=True)


def print_error(error: BaseException, *, hint: str = "") -> None:
    """Print an error, and what to do about it, to standard error.

    A message may have several lines of our own; those after the first are indented, so that a value
    in it cannot pass for a message.
    """
    from rich.console import Console

    console = Console(stderr=True)
    first, *others = str(error).split("\n")
    print_line(("error: ", "bold red"), (first, "red"), console=console)
    for line in others:
        print_line((f"  {line}", "red"), console=console)
    if hint:
        print_line(f"hint: {hint}", console=console)


def print_json(value: object) -> None:
    """Print *value* for scripts; times as ISO 8601 with their zone."""
    sys.stdout.write(json.dumps(value, indent=2, default=_as_text) + "\n")


def _as_text(value: object) -> str | float:
    """Return what JSON can say of *value*: ISO 8601, a number, Base64."""
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"cannot print a {type(value).__name__} as JSON")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print comma-separated values for scripts and spreadsheets; exact, unless a terminal shows it."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    is_shown = sys.stdout.isatty()
    writer.writerow(columns)
    for row in rows:
        values = [_csv_value(value) for value in row]
        writer.writerow([escaped(str(value)) for value in values] if is_shown else values)


def _csv_value(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, default=_as_text)
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else value
    return _as_text(value)


def percent(rate: float | None) -> str:
    """Return a rate for people.

    >>> percent(0.041), percent(None)
    ('4.1 %', '-')
    """
    return "-" if rate is None else f"{100 * rate:.1f} %"


def when(moment: datetime | None) -> str:
    """Return a UTC time for people, to the second."""
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def cell_text(value: object) -> str:
    """Return a value of any query for a table.

    >>> cell_text(None), cell_text(0.25), cell_text(1 / 3), cell_text(b"jpeg")
    ('-', '0.25', '0.333333', '4 bytes')
    """
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, float | Decimal):
        return f"{value:.6g}"
    if isinstance(value, bytes | memoryview):
        return f"{len(value)} bytes"
    return "-" if value is None else str(value)
