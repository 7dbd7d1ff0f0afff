"""Which segments got worse, by how much beyond their own normal rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from driftgauge.storage import Period, RateRow, Store

from ..terminal.natural_order import natural_key
from .normal import normal_rates

PRIOR_EVENTS = 50
"""A rate over n events counts for n / (n + 50): three images of five are no trend."""

EARLIER = timedelta(days=28)
"""What a segment's normal is taken from where its reference is not known."""

NormalSource = Literal["reference", "earlier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A segment's rate in a span of time beside its own normal rate.

    Attributes:
        events: that were scored in the span.
        ood_events: of these, out of distribution.
        represented: how many events those represent; *events* where nothing was sampled.
        rate: 0 to 1, over the span.
        normal: 0 to 1; None where neither its reference nor its earlier traffic is known.
        normal_from: its ``reference``, or its own ``earlier`` 28 days.
        beyond: *rate* - *normal*; None where that is not known.
        weight: *beyond* times n / (n + 50), n being *events*: what movers are ranked by. Where no
            normal is known, beyond the stream's alpha: what a stream like its reference has.
        begin: start of the first period of *points*; the same for all movers.
        points: each period's rate in order of time, None for one without events.
    """

    segment: str
    layer: str
    events: int
    ood_events: int
    represented: int
    rate: float
    normal: float | None
    normal_from: NormalSource | None
    beyond: float | None
    weight: float
    begin: datetime
    points: Sequence[float | None]


def movers(
    store: Store,
    stream: str,
    *,
    period: Period,
    layer: str,
    since: datetime,
    until: datetime | None,
    segment: str | None = None,
    width: timedelta,
) -> list[Mover]:
    """Return every segment that counted events in [*since*, *until*), the worst first.

    Args:
        store: of the stream.
        stream: its name.
        period: of the points.
        layer: one layer, ``*`` for all together.
        since: the period that holds this moment is the first.
        until: None is the newest.
        segment: only this one.
        width: of a period.
    """
    rows = store.rates(
        stream, period=period, segment=segment, layer=layer, since=since, until=until
    )
    earlier = store.rates(
        stream,
        period="hour",
        segment=segment,
        layer=layer,
        since=since - EARLIER,
        until=since.replace(minute=0, second=0, microsecond=0),
    )
    known = normal_rates(store, stream) if layer == "*" else {}
    before = {name: _pooled(found)[2] for name, found in _by_segment(earlier).items()}
    starts = _starts(rows, width)
    found = [
        _mover(
            counted,
            starts,
            normal=known.get(name, before.get(name)),
            source="reference" if name in known else "earlier",
        )
        for name, counted in _by_segment(rows).items()
    ]
    return sorted(found, key=lambda mover: (-mover.weight, natural_key(mover.segment)))


def _earlier(
    store: Store, stream: str, *, segment: str | None, layer: str, since: datetime
) -> list[RateRow]:
    """Return the whole days before *since*, and the hours of its own day before it."""
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spans: list[tuple[Period, datetime, datetime]] = [
        ("day", since - EARLIER, day),
        ("hour", day, since),
    ]
    return [
        row
        for period, begin, end in spans
        for row in store.rates(
            stream, period=period, segment=segment, layer=layer, since=begin, until=end
        )
    ]


def _mover(
    rows: Sequence[RateRow],
    starts: Sequence[datetime],
    *,
    normal: float | None,
    source: NormalSource,
) -> Mover:
    events, represented, rate = _pooled(rows)
    beyond = None if normal is None else rate - normal
    return Mover(
        segment=rows[0].segment,
        layer=rows[0].layer,
        events=events,
        ood_events=sum(row.ood_events for row in rows),
        represented=represented,
        rate=rate,
        normal=normal,
        normal_from=None if normal is None else source,
        beyond=beyond,
        weight=(rate - (rows[0].alpha if normal is None else normal))
        * events
        / (events + PRIOR_EVENTS),
        begin=starts[0],
        points=_points(rows, starts),
    )


def _pooled(rows: Sequence[RateRow]) -> tuple[int, int, float]:
    """Return events, events represented, and the rate among those."""
    represented = sum(row.represented for row in rows)
    ood = sum(row.ood_rate * row.represented for row in rows)
    return sum(row.events for row in rows), represented, ood / represented


def _points(rows: Sequence[RateRow], starts: Sequence[datetime]) -> list[float | None]:
    """Return the rate in each period that begins at one of *starts*, over all detectors."""
    parts: defaultdict[datetime, list[RateRow]] = defaultdict(list)
    for row in rows:
        parts[row.period_start].append(row)
    return [_pooled(parts[start])[2] if start in parts else None for start in starts]


def _starts(rows: Sequence[RateRow], width: timedelta) -> list[datetime]:
    if not rows:
        return []
    first, last = rows[0].period_start, rows[-1].period_start
    return [first + index * width for index in range((last - first) // width + 1)]


def _by_segment(rows: Sequence[RateRow]) -> dict[str, list[RateRow]]:
    found: defaultdict[str, list[RateRow]] = defaultdict(list)
    for row in rows:
        found[row.segment].append(row)
    return found
