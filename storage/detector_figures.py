"""What each detector version has counted and raised."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, String, bindparam, func, select, text

from .alert_records import LIVE_STATES
from .columns import UtcTimestamp
from .detector_records import DetectorFigures
from .detectors import read_detectors
from .history_tables import series, window_counts
from .tables import alert, segment_progress

COUNTED = timedelta(days=2)
"""Windows are counted so far back: all of them would take a read of all counts."""

_HISTORY = (
    text(
        "SELECT detector, events, ood_rate, first_day, last_day, alerts FROM detector_history "
        "WHERE stream = :stream"
    )
    .bindparams(bindparam("stream", type_=String))
    .columns(first_day=UtcTimestamp, last_day=UtcTimestamp)
)


def read_figures(connection: Connection, stream: str, now: datetime) -> dict[str, DetectorFigures]:
    """Return the figures of every version by its name."""
    live, waiting = _live_alerts(connection, stream), _waiting(connection, stream)
    history = {
        row["detector"]: row for row in connection.execute(_HISTORY, {"stream": stream}).mappings()
    }
    return {
        name: DetectorFigures(
            live_alerts=live.get(name, 0),
            waiting_seconds=(now - waiting[name]).total_seconds() if name in waiting else None,
            **{key: value for key, value in history[name].items() if key != "detector"},
        )
        for name in (one.detector for one in read_detectors(connection, stream))
    }


def count_windows(connection: Connection, stream: str, name: str) -> int:
    """Return how many windows of the whole stream the version counted in its last `COUNTED`."""
    table, counts = series.c, window_counts.c
    own = (table.stream == stream, table.detector == name, table.segment == "*", table.layer == "*")
    number = connection.scalar(select(table.id).where(*own))
    progress = segment_progress.c
    mine = (progress.stream == stream, progress.detector == name, progress.segment == "*")
    newest = connection.scalar(select(progress.event_time_max).where(*mine))
    if number is None or newest is None:
        return 0
    query = select(func.count()).where(
        counts.series == number, counts.window_start > newest - COUNTED
    )
    return int(connection.scalar(query) or 0)


def _live_alerts(connection: Connection, stream: str) -> dict[str, int]:
    found: dict[str, int] = {}
    query = select(alert.c.detector, alert.c.judged_by).where(
        alert.c.stream == stream, alert.c.state.in_(LIVE_STATES)
    )
    for names in connection.execute(query):
        for name in {*names} - {None}:
            found[name] = found.get(name, 0) + 1
    return found


def _waiting(connection: Connection, stream: str) -> dict[str, datetime]:
    table = segment_progress.c
    oldest = func.min(table.waiting_since)
    query = (
        select(table.detector, oldest)
        .where(table.stream == stream, table.waiting_since.is_not(None))
        .group_by(table.detector)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def read_waiting_names(connection: Connection, stream: str, since: datetime) -> list[str]:
    """Return the versions with counts that wait to be judged and came from *since* on, by name."""
    table = segment_progress.c
    query = select(table.detector).where(
        *(table.stream == stream, table.waiting_since.is_not(None), table.counted_at >= since)
    )
    return list(connection.scalars(query.distinct().order_by(table.detector)))
