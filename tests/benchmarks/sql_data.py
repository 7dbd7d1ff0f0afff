"""A long history made by the database itself: counts of a random stationary stream, in a few statements.

Each row takes its bins from one of some hundred draws of a multinomial; which one depends on its time and
series, so that neighbours differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Connection, text

from driftgauge.storage import EDGES, Database, Store
from driftgauge.storage.counts import note_moments
from driftgauge.storage.levels import floor_to
from driftgauge.storage.partitions import ensure_partitions
from driftgauge.storage.rollup import MOST_READ_FIRST
from driftgauge.storage.tables import BINS

END = datetime(2026, 3, 1, tzinfo=UTC)
N_DRAWS = 509
LAYERS = ("*", *(f"blocks.{n}" for n in range(1, 6)))
DETECTOR = "detector-1"
_DAY = timedelta(days=1)
_STEPS = {
    "window": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": _DAY,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a history is.

    Attributes:
        streams: how many.
        segments: of each stream, ``*`` among them.
        days: how many days of each level there are.
    """

    streams: int
    segments: int
    days: dict[str, float]

    @property
    def n_series(self) -> int:
        """How many series that makes."""
        return self.streams * self.segments * len(LAYERS)


def make_history(database: Database, shape: Shape) -> dict[str, int]:
    """Fill an upgraded, empty database; return how many rows each level has."""
    store = Store(database, now=lambda: END)
    for n in range(shape.streams):
        store.ensure_stream(f"line-{n}", "images", 60)
    with database.write() as connection:
        _make_series(connection, shape)
        _make_draws(connection)
    return {
        level: _fill(database, level, END - days * _DAY, shape)
        for level, days in shape.days.items()
    }


def set_marks(database: Database, shape: Shape) -> None:
    """Say how far each level reaches: all but the last two minutes is in the hours and days."""
    until = END - timedelta(minutes=2)
    spans = {"window": timedelta(hours=1), "hour": timedelta(hours=1), "day": _DAY}
    with database.write() as connection:
        for level, span in spans.items():
            values = {
                "rolled_until": until,
                "whole_until": floor_to(until, span),
                "kept_from": END - shape.days[level] * _DAY,
            }
            from driftgauge.storage.history_tables import history_level

            connection.execute(
                history_level.update().where(history_level.c.level == level).values(values)
            )


def _make_series(connection: Connection, shape: Shape) -> None:
    rows = [
        {
            "stream": f"line-{n}",
            "detector": DETECTOR,
            "segment": "*" if camera == 0 else f"camera={camera}",
            "layer": layer,
        }
        for n in range(shape.streams)
        for camera in range(shape.segments)
        for layer in LAYERS
    ]
    names = ("stream", "detector", "segment", "layer")
    connection.execute(
        text(f"INSERT INTO series ({', '.join(names)}) VALUES (:{', :'.join(names)})"), rows
    )
    time = "'2026-02-28 23:59:00'" if connection.dialect.name == "sqlite" else f"'{END}'"
    connection.execute(
        text(
            "INSERT INTO segment_progress (stream, detector, segment, event_time_max, counted_at, "
            f"judged_until, claimed_until, events) SELECT stream, detector, segment, {time}, {time}, "
            f"{time}, {time}, 0 FROM series WHERE layer = '*'"
        )
    )


def _make_draws(connection: Connection) -> None:
    """Make a table of draws for each level, of as many events as its periods have."""
    rng = np.random.default_rng(0)
    columns = ", ".join(f"{name} INTEGER" for name in BINS)
    marks = ", ".join(f"NULLIF(CAST(:{name} AS INTEGER), 0)" for name in BINS)
    for level, span in _STEPS.items():
        connection.execute(text(f"CREATE TABLE draw_{level} (n INTEGER PRIMARY KEY, {columns})"))
        rows = [
            {"n": n, **dict(zip(BINS, counts, strict=True))}
            for n, counts in enumerate(_draws(rng, int(span.total_seconds())))
        ]
        connection.execute(text(f"INSERT INTO draw_{level} VALUES (:n, {marks})"), rows)


def _draws(rng: np.random.Generator, n_events: int) -> Sequence[list[int]]:
    found: list[list[int]] = rng.multinomial(n_events, np.diff(EDGES), size=N_DRAWS).tolist()
    return found


def _fill(database: Database, level: str, first: datetime, shape: Shape) -> int:
    """Insert a day of windows, or all hours or days of a month, in each transaction."""
    step = _DAY if level == "window" else 30 * _DAY
    at, n_rows = floor_to(first, _STEPS[level]), 0
    while at < END:
        until = min(at + step, END)
        with database.write() as connection:
            n_rows += _fill_span(connection, level, at, until)
        at = until
    return n_rows


def _fill_span(connection: Connection, level: str, first: datetime, until: datetime) -> int:
    seconds = int(_STEPS[level].total_seconds())
    begin, end = int(first.timestamp()), int(until.timestamp())
    n_steps = (end - begin) // seconds
    if connection.dialect.name == "sqlite":
        note_moments(connection, {first + n * _STEPS[level] for n in range(n_steps)})
        times = (
            f"WITH RECURSIVE times(second) AS (SELECT {begin} UNION ALL SELECT second + {seconds} "
            f"FROM times WHERE second + {seconds} < {end}) "
        )
        source, start, order = "times", "second", "2"
    else:
        if level == "window":
            ensure_partitions(connection, [first, until - timedelta(seconds=1)])
        times, source = "", f"generate_series({begin}, {end - seconds}, {seconds}) AS times(second)"
        start = "to_timestamp(second)"
        order = "2" if level == "window" else MOST_READ_FIRST
    done = connection.execute(
        text(
            f"INSERT INTO {level}_counts (window_start, series, events, score_max, score_sum, "
            f"{', '.join(BINS)}) {times}SELECT {start}, series.id, {seconds}, "
            f"1.5 + n * 0.001, {seconds} * 0.5 + n * 0.01, {', '.join(BINS)} FROM {source} "
            f"CROSS JOIN series JOIN draw_{level} AS draw "
            f"ON draw.n = (second / {seconds} * 31 + series.id * 17) % {N_DRAWS} ORDER BY 1, {order}"
        )
    )
    return done.rowcount if done.rowcount > 0 else n_steps
