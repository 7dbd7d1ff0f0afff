"""What ``driftgauge rates`` shows: rows by time, the worst segments, or a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from driftgauge.storage import Period, RateRow

from ..pages.rate_plot import RateLine, draw_rates
from ..review.movers import Mover, movers
from ..review.normal import normal_rates
from ..terminal.natural_order import natural_key
from ..terminal.printing import percent, print_csv, print_json, print_line, when
from ..terminal.sparkline import sparkline
from ..terminal.table import Column, print_table
from .nothing_found import nothing_found
from .reading import Reading

MOST_LINES = 10
_MOST_BARS = 24
_LISTED_BARS = 12
_FURTHER = 30
_WIDTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for.

    Attributes:
        layer: None for each.
    """

    period: Period
    segment: str | None
    layer: str | None
    since: datetime | None
    until: datetime | None
    limit: int
    form: Literal["table", "csv", "json"]


def print_rates(reading: Reading, asked: Asked) -> None:
    """Print the newest rows, each beside its segment's normal rate."""
    name = reading.stream.stream
    normal = normal_rates(reading.store, name)
    rows = sorted(_newest_rows(reading, asked), key=_place)
    if asked.form == "table":
        if rows:
            _print_rows(reading, asked, rows, normal)
        else:
            print_line(nothing_found(reading, segment=asked.segment, layer=asked.layer))
        return
    print_values(asked, [{**asdict(row), "normal_rate": _normal(row, normal)} for row in rows])


def print_top(reading: Reading, asked: Asked, *, top: int) -> None:
    """Print the segments that are furthest beyond their own normal rate."""
    found = _movers(reading, asked)
    shown = found[:top]
    if asked.form != "table":
        print_values(asked, [asdict(mover) for mover in shown])
        return
    if not shown:
        print_line(nothing_found(reading, segment=asked.segment, layer=asked.layer))
        return
    columns = (
        *(Column("segment", folds=True), Column("images", "right", rank=2)),
        *(Column("rate", "right"), Column("normally", "right"), Column("beyond", "right")),
        Column("trend", rank=1),
    )
    cells = [
        (
            *(mover.segment, str(mover.events), percent(mover.rate), percent(mover.normal)),
            *(_points(mover.beyond), sparkline(_fewer(mover.points), normal=mover.normal)),
        )
        for mover in shown
    ]
    begin = when(_begin(reading, asked))
    print_table(f"Furthest beyond normal since {begin} UTC", columns, cells)
    if more := len(found) - len(shown):
        print_line(f"and {more} more; --top shows more.")
    if any(mover.normal_from == "earlier" for mover in shown):
        print_line("Normally: on the segment's reference; where unknown, in its 28 days before.")


def draw(reading: Reading, asked: Asked, path: Path, *, top: int) -> None:
    """Draw the worst segments, or each layer of one segment, into *path*."""
    lines = _layer_lines(reading, asked) if asked.layer is None else _segment_lines(reading, asked)
    if not lines:
        print_line(nothing_found(reading, segment=asked.segment, layer=asked.layer))
        return
    stream = reading.stream
    what = f"{asked.segment or '*'} by layer" if asked.layer is None else f"layer {asked.layer}"
    what = f"{stream.stream}: {what}, per {asked.period}"
    draw_rates(path, what, lines[:top], width=_width(reading, asked))
    print_line(f"Wrote {path}: {min(top, len(lines))} of {len(lines)} lines.")


def _newest_rows(reading: Reading, asked: Asked) -> list[RateRow]:
    """Return the newest rows, looking back no further than they take: months of windows are many."""
    newest = max(reading.store.segments(reading.stream.stream).values(), default=None)
    if asked.since is None and newest is not None:
        end = asked.until or newest
        for periods in (asked.limit, _FURTHER * asked.limit):
            since = end - periods * _width(reading, asked)
            rows = _rows(reading, asked, since=since, limit=asked.limit)
            if len(rows) == asked.limit:
                return rows
    return _rows(reading, asked, since=asked.since, limit=asked.limit)


def _rows(reading: Reading, asked: Asked, *, since: datetime | None, **more: Any) -> list[RateRow]:
    return reading.store.rates(
        reading.stream.stream,
        **{
            "period": asked.period,
            "segment": asked.segment,
            "layer": asked.layer,
            "since": since,
            "until": asked.until,
            **more,
        },
    )


def _movers(reading: Reading, asked: Asked) -> list[Mover]:
    return movers(
        reading.store,
        reading.stream.stream,
        period=asked.period,
        layer=asked.layer or "*",
        since=_begin(reading, asked),
        until=asked.until,
        segment=asked.segment,
        width=_width(reading, asked),
    )


def _segment_lines(reading: Reading, asked: Asked) -> list[RateLine]:
    width = _width(reading, asked)
    return [
        RateLine(
            mover.segment,
            [mover.begin + index * width for index in range(len(mover.points))],
            mover.points,
            mover.normal,
        )
        for mover in _movers(reading, asked)
    ]


def _layer_lines(reading: Reading, asked: Asked) -> list[RateLine]:
    """Return each layer of the segment, the highest mean rate first."""
    parts: defaultdict[str, list[RateRow]] = defaultdict(list)
    begin = _begin(reading, asked)
    for row in _rows(reading, asked, since=begin, segment=asked.segment or "*"):
        parts[row.layer].append(row)
    lines = [
        RateLine(layer, [row.period_start for row in rows], [row.ood_rate for row in rows])
        for layer, rows in parts.items()
    ]
    return sorted(lines, key=lambda line: -sum(rate or 0 for rate in line.rates) / len(line.rates))


def _begin(reading: Reading, asked: Asked) -> datetime:
    """Return what was asked for, or one day (28 of days) before the newest image."""
    if asked.since is not None:
        return asked.since
    newest = max(reading.store.segments(reading.stream.stream).values(), default=None)
    end = asked.until or newest or reading.store.clock()
    return end - (timedelta(days=28) if asked.period == "day" else timedelta(days=1))


def _width(reading: Reading, asked: Asked) -> timedelta:
    return _WIDTHS.get(asked.period) or timedelta(seconds=reading.stream.window_seconds)


def print_values(asked: Asked, values: Sequence[dict[str, Any]]) -> None:
    """Print rows for other programs, in the form that was asked for."""
    if asked.form == "json":
        print_json(values)
    elif values:
        print_csv(list(values[0]), [list(row.values()) for row in values])


def _normal(row: RateRow, normal: dict[str, float]) -> float | None:
    return normal.get(row.segment) if row.layer == "*" else None


def _print_rows(
    reading: Reading, asked: Asked, rows: list[RateRow], normal: dict[str, float]
) -> None:
    columns = (
        *(Column("UTC"), Column("segment", folds=True), Column("layer", rank=2)),
        *(Column("images", "right", rank=1), Column("OOD", "right", rank=3)),
        *(Column("rate", "right"), Column("normally", "right"), Column("trend", rank=4)),
    )
    trends = _trends(reading, asked, rows)
    cells = [
        (
            *(when(row.period_start), row.segment, row.layer, str(row.events)),
            *(str(row.ood_events), percent(row.ood_rate), percent(_normal(row, normal))),
            sparkline(trends[_key(row)], normal=_normal(row, normal)),
        )
        for row in rows
    ]
    print_table(f"Out of distribution (OOD) on {reading.stream.stream}", columns, cells)
    if len(rows) == asked.limit:
        print_line(f"The newest {len(rows)} rows; --limit shows more.")


def _trends(
    reading: Reading, asked: Asked, rows: Sequence[RateRow]
) -> dict[tuple[object, ...], list[float | None]]:
    """Return, for each of *rows*, the rates of the periods that led to it, its own last."""
    width = _width(reading, asked)
    earlier = [index * width for index in reversed(range(_LISTED_BARS))]
    around = _rows(reading, asked, since=rows[0].period_start - earlier[0])
    rates = {_key(row): row.ood_rate for row in around}
    return {
        _key(row): [rates.get((row.period_start - back, *_key(row)[1:])) for back in earlier]
        for row in rows
    }


def _place(row: RateRow) -> tuple[object, ...]:
    """Return where a row stands: by time, then as people count."""
    return row.period_start, natural_key(row.segment), natural_key(row.layer), row.detector


def _key(row: RateRow) -> tuple[object, ...]:
    return (row.period_start, row.segment, row.layer, row.detector)


def _fewer(points: Sequence[float | None]) -> list[float | None]:
    """Return at most as many points as a column has room for, each the mean of its neighbours."""
    step = -(-len(points) // _MOST_BARS)
    groups = [points[first : first + step] for first in range(0, len(points), step)]
    return [_mean([rate for rate in group if rate is not None]) for group in groups]


def _mean(rates: Sequence[float]) -> float | None:
    return sum(rates) / len(rates) if rates else None


def _points(beyond: float | None) -> str:
    """Return a difference of rates in percentage points.

    >>> _points(0.033), _points(-0.001), _points(None)
    ('+3.3', '-0.1', '-')
    """
    return "-" if beyond is None else f"{100 * beyond:+.1f}"
