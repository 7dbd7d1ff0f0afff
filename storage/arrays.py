"""PostgreSQL arrays as text, by which one statement takes thousands of rows.

The driver writes a list with a look at each element, which takes longer than the insert.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def number_array(values: Iterable[float | None]) -> str:
    """Return the text of an array of numbers.

    Example:
        >>> number_array([1, None, 0.5])
        '{1,NULL,0.5}'
    """
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def text_array(values: Iterable[str | datetime | None]) -> str:
    r"""Return the text of an array of texts or times.

    Example:
        >>> text_array(['a "b"', None])
        '{"a \\"b\\"",NULL}'
    """
    return f"{{{','.join([_quoted(value) for value in values])}}}"


def _quoted(value: str | datetime | None) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else value.isoformat()
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
