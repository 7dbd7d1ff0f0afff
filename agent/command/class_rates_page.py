"""What ``driftgauge rates --classes`` shows: how often the model predicted each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from driftgauge.storage import ClassRate

from ..review.normal import normal_class_shares
from ..terminal.natural_order import natural_key
from ..terminal.printing import percent, print_line, when
from ..terminal.table import Column, print_table
from .rates_page import Asked, print_values
from .reading import Reading

NONE = (
    "No predicted classes are counted on {stream}: its model is no classifier and no message names a class, "
    "or the detector was fitted by an earlier version. Fit again with driftgauge fit."
)


def print_class_rates(reading: Reading, asked: Asked) -> None:
    """Print the newest rows, each beside the share of the class on its segment's reference."""
    store, stream = reading.store, reading.stream.stream
    found = store.class_rates(
        stream,
        period="day" if asked.period == "day" else "hour",
        segment=asked.segment,
        since=asked.since,
        until=asked.until,
        limit=asked.limit,
    )
    found.sort(key=lambda row: (row.period_start, natural_key(row.segment)))
    normal = normal_class_shares(store, stream)
    if asked.form != "table":
        rows = [_values(row, normal) for row in found]
        print_values(asked, rows)
        return
    if not found:
        print_line(NONE.format(stream=stream))
        return
    columns = (
        *(Column("from (UTC)"), Column("segment", folds=True), Column("class", folds=True)),
        *(Column("images", "right", rank=1), Column("share", "right"), Column("normally", "right")),
    )
    cells = [
        (
            *(when(row.period_start), row.segment, row.class_name, str(row.events)),
            *(percent(row.share), percent(_normal(row, normal))),
        )
        for row in found
    ]
    print_table(f"Predicted classes by {asked.period}", columns, cells)


def _values(row: ClassRate, normal: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    values = asdict(row)
    return {
        "period_start": values.pop("period_start"),
        "segment": values.pop("segment"),
        "class": values.pop("class_name"),
        **values,
        "normal_share": _normal(row, normal),
    }


def _normal(row: ClassRate, normal: Mapping[str, Mapping[str, float]]) -> float | None:
    own = normal.get(row.segment)
    return None if own is None else own.get(row.class_name, 0.0)
