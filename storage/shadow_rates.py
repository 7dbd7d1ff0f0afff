"""What a shadow counted, beside what the active version counted of the same windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    select,
)

from .histogram import n_ood_bins
from .history_tables import series, window_counts
from .shadows import shadow_name
from .tables import BINS
from .tables import stream as stream_table
from .trial_records import ShadowAlarm, ShadowBlock
from .trial_tables import shadow_alarm
from .upsert import upsert

_ALL_TIME = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class ShadowRate:
    """One segment's OOD rates in windows that both counted.

    Attributes:
        events: that the shadow scored.
    """

    segment: str
    events: int
    active_rate: float
    shadow_rate: float


def read_shadow_rates(
    connection: Connection, stream: str, *, active: str, shadow: str, since: datetime
) -> list[ShadowRate]:
    """Return the rates of windows from *since* on that both counted, by segment."""
    blocks = read_shadow_blocks(
        connection, stream, active=active, shadow=shadow, since=since, block=_ALL_TIME
    )
    return [
        ShadowRate(
            one.segment,
            one.shadow_events,
            one.active_ood / one.both_events,
            one.shadow_ood / one.shadow_events,
        )
        for one in blocks
        if one.both_events and one.shadow_events
    ]


def read_shadow_blocks(
    connection: Connection,
    stream: str,
    *,
    active: str,
    shadow: str,
    since: datetime,
    block: timedelta,
) -> list[ShadowBlock]:
    """Return what both counted from *since* on, by segment and part of the time, in this order.

    Args:
        block: length of a part; the first begins at *since*.
    """
    sums: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 5)
    for segment, start, events, ood, shadow_events, shadow_ood in connection.execute(
        _pairs(connection, stream, active, shadow_name(shadow), since)
    ):
        own = sums[segment, (start - since) // block]
        own[0] += events
        if shadow_events is not None:
            for place, n in enumerate((events, ood, shadow_events, shadow_ood), start=1):
                own[place] += n
    return [ShadowBlock(*key, *found) for key, found in sorted(sums.items())]


def _pairs(
    connection: Connection, stream: str, active: str, shadow: str, since: datetime
) -> Select[Any]:
    """Return the query of the active version's windows, each beside the shadow's."""
    own = stream_table.c
    alpha = connection.scalar(select(own.alpha).where(own.stream == stream)) or 0.0
    ours, theirs = series.alias(), series.alias()
    counts, beside = window_counts.alias(), window_counts.alias()
    same = (theirs.c[name] == ours.c[name] for name in ("stream", "segment", "layer"))
    at = (beside.c.series == theirs.c.id, beside.c.window_start == counts.c.window_start)
    tables = (
        ours.join(counts, ours.c.id == counts.c.series)
        .outerjoin(theirs, and_(*same, theirs.c.detector == shadow))
        .outerjoin(beside, and_(*at))
    )
    return (
        select(
            *(ours.c.segment, counts.c.window_start, counts.c.events, _ood(counts, alpha)),
            *(beside.c.events, _ood(beside, alpha)),
        )
        .select_from(tables)
        .where(ours.c.stream == stream, ours.c.detector == active, ours.c.layer == "*")
        .where(counts.c.window_start >= since)
    )


def _ood(counts: FromClause, alpha: float) -> ColumnElement[int]:
    bins = (func.coalesce(counts.c[name], 0) for name in BINS[: n_ood_bins(alpha)])
    return sum(bins, start=literal(0))


def read_shadow_alarms(connection: Connection, stream: str, shadow: str) -> list[ShadowAlarm]:
    """Return where the shadow would have raised an alert, the first at first."""
    table = shadow_alarm.c
    query = select(table.segment, table.test, table.first_at, table.last_at, table.times).where(
        table.stream == stream, table.detector == shadow
    )
    return [ShadowAlarm(*row) for row in connection.execute(query.order_by(table.first_at))]


def add_shadow_alarms(
    connection: Connection, stream: str, shadow: str, alarms: Sequence[ShadowAlarm]
) -> None:
    """Note where a turn of the shadow's monitor would have raised an alert."""
    statement = upsert(connection, shadow_alarm)
    known, new = shadow_alarm.c, statement.excluded
    changed = {
        "last_at": case((new.last_at > known.last_at, new.last_at), else_=known.last_at),
        "times": known.times + new.times,
    }
    statement = statement.on_conflict_do_update(
        index_elements=shadow_alarm.primary_key, set_=changed
    )
    for alarm in alarms:
        connection.execute(statement, {"stream": stream, "detector": shadow, **asdict(alarm)})
