"""What a shadow counted, beside what the active version counted of the same windows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal, select

from .histogram import n_ood_bins
from .history_tables import series, window_counts
from .shadows import shadow_name
from .tables import BINS, monitor_state
from .tables import stream as stream_table


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
    own = stream_table.c
    alpha = connection.scalar(select(own.alpha).where(own.stream == stream)) or 0.0
    names, counts = series.c, window_counts.c
    bins = (func.coalesce(counts[name], 0) for name in BINS[: n_ood_bins(alpha)])
    ood = sum(bins, start=literal(0))
    query = (
        select(names.segment, names.detector, counts.window_start, counts.events, ood)
        .join(series, names.id == counts.series)
        .where(
            *(names.stream == stream, names.layer == "*", counts.window_start >= since),
            names.detector.in_((active, shadow_name(shadow))),
        )
    )
    found: dict[str, dict[datetime, dict[str, Any]]] = {}
    for segment, name, start, events, n_ood in connection.execute(query):
        found.setdefault(segment, {}).setdefault(start, {})[name] = (events, n_ood)
    return [
        rate
        for segment, windows in sorted(found.items())
        if (rate := _rate(segment, [*windows.values()], active, shadow_name(shadow))) is not None
    ]


def _rate(
    segment: str, windows: list[dict[str, tuple[int, int]]], active: str, shadow: str
) -> ShadowRate | None:
    both = [(one[active], one[shadow]) for one in windows if len(one) == 2]  # noqa: PLR2004 - active, shadow
    n_active, n_shadow = (sum(pair[who][0] for pair in both) for who in (0, 1))
    if not n_active or not n_shadow:
        return None
    ood_active, ood_shadow = (sum(pair[who][1] for pair in both) for who in (0, 1))
    return ShadowRate(segment, n_shadow, ood_active / n_active, ood_shadow / n_shadow)


def read_shadow_alarms(connection: Connection, stream: str, shadow: str) -> int:
    """Return how many alerts the shadow would have raised, or raised again."""
    table = monitor_state.c
    own = (table.stream == stream, table.detector == shadow_name(shadow))
    state = connection.scalar(select(table.state).where(*own))
    return int(json.loads(state or "{}").get("alarms", 0))
