"""Reading a whole view, as much at a time as memory has room for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Double, Select, Text, column, func, select, table
from sqlalchemy.types import TypeEngine

from .columns import Count, UtcTimestamp

ColumnKind = Literal["text", "time", "count", "real"]

_TYPES: Mapping[ColumnKind, TypeEngine[Any] | type[TypeEngine[Any]]] = {
    "text": Text,
    "time": UtcTimestamp,
    "count": Count,
    "real": Double,
}
_KEYS: Mapping[str, ColumnKind] = dict.fromkeys(("stream", "segment", "layer", "detector"), "text")
_RATE: Mapping[str, ColumnKind] = {
    **_KEYS,
    "period_start": "time",
    **dict.fromkeys(("events", "ood_events"), "count"),
    "ood_rate": "real",
    "represented": "count",
    "alpha": "real",
}
_HISTOGRAM: Mapping[str, ColumnKind] = {
    **dict.fromkeys(("p_low", "p_high"), "real"),
    "events": "count",
}
EXPORTED: Mapping[str, Mapping[str, ColumnKind]] = {
    "ood_rate_minutely": _RATE,
    "ood_rate_hourly": _RATE,
    "ood_rate_daily": _RATE,
    "p_value_histogram": {**_KEYS, "window_start": "time", **_HISTOGRAM},
    "p_value_histogram_daily": {**_KEYS, "period_start": "time", **_HISTOGRAM},
}
"""Views that can be exported; the first time of each is what spans of time go by."""


def count_view(
    connection: Connection,
    view: str,
    stream: str,
    *,
    since: datetime | None,
    until: datetime | None,
) -> int:
    """Return how many rows `read_view` reads."""
    query = _where(select(func.count()), view, stream, since, until)
    return int(connection.scalar(query) or 0)


def read_view(
    connection: Connection,
    view: str,
    stream: str,
    *,
    since: datetime | None,
    until: datetime | None,
    batch_rows: int,
) -> Iterator[Sequence[Sequence[Any]]]:
    """Give the view's rows of *stream*, in no order, at most *batch_rows* at a time.

    Args:
        connection: in a transaction that lasts until the last batch.
        view: one of `EXPORTED`, whose columns say what a row holds.
        stream: its name.
        since: from this time on.
        until: before this time.
        batch_rows: bounds the memory.
    """
    columns = _columns(view).values()
    query = _where(select(*columns), view, stream, since, until)
    found = connection.execution_options(yield_per=batch_rows).execute(query)
    for rows in found.partitions():
        yield [tuple(row) for row in rows]


def _where(
    query: Select[Any], view: str, stream: str, since: datetime | None, until: datetime | None
) -> Select[Any]:
    columns = _columns(view)
    start = columns[next(name for name, kind in EXPORTED[view].items() if kind == "time")]
    query = query.select_from(table(view)).where(columns["stream"] == stream)
    if since is not None:
        query = query.where(start >= since)
    return query if until is None else query.where(start < until)


def _columns(view: str) -> dict[str, ColumnElement[Any]]:
    return {name: column(name, _TYPES[kind]) for name, kind in EXPORTED[view].items()}
