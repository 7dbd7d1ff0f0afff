"""Reading how often the model predicted each class."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, column, select
from sqlalchemy import table as view_clause

from .columns import UtcTimestamp
from .periods import floor

ClassPeriod = Literal["hour", "day"]
_VIEWS: dict[ClassPeriod, str] = {"hour": "hourly", "day": "daily"}
_COLUMNS = ("period_start", "segment", "class", "detector", "events", "share")


@dataclass(frozen=True, slots=True)
class ClassRate:
    """How often one class was predicted in a period.

    Attributes:
        class_name: as `class_slot` has it.
        events: that were predicted to be of it.
        share: of those of which a prediction is known, 0 to 1.
    """

    period_start: datetime
    segment: str
    class_name: str
    detector: str
    events: int
    share: float


def read_class_rates(
    connection: Connection,
    stream: str,
    *,
    period: ClassPeriod,
    segment: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
) -> list[ClassRate]:
    """Return each period's predicted classes in order, the commonest first; *limit* keeps the newest.

    Classes that were not predicted in a period are left out.
    """
    times = column("period_start", UtcTimestamp)
    view = view_clause(
        f"class_rate_{_VIEWS[period]}", times, *(column(name) for name in ("stream", *_COLUMNS[1:]))
    )
    columns = [view.c[name] for name in _COLUMNS]
    query = select(*columns).where(view.c.stream == stream, view.c.events > 0)
    if segment is not None:
        query = query.where(view.c.segment == segment)
    if since is not None:
        query = query.where(times >= floor(since, period))
    if until is not None:
        query = query.where(times < until)
    order = (times.desc(), view.c.segment.desc(), view.c.events, view.c["class"].desc())
    rows = connection.execute(query.order_by(*order).limit(limit)).all()
    return [ClassRate(*row) for row in reversed(rows)]
