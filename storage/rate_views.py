"""The SQL of the views that read all of history by window, minute, hour or day."""

from __future__ import annotations

from itertools import pairwise

from .histogram import ALPHAS, EDGES
from .labels import CLASSES, CONFIDENCE, LABEL_LAYERS
from .levels import period_arms, start_sql
from .shadows import NO_SHADOW
from .tables import BINS

_OOD_BINS = BINS[: len(ALPHAS)]
_COUNTS = ("events", "left_out", "left_out_ood", *_OOD_BINS)
_MINUTE = 60


def rate_view(unit: str, dialect: str, *, only: str = "", since: str = "") -> str:
    """Return the query of the view of OOD rates by ``window``, ``minute``, ``hour`` or ``day``.

    With *only* and *since*, of some counts (`period_arms`).
    """
    arms = [_rates(arm, dialect) for arm in _arms(unit, dialect, only, since)]
    return (
        "SELECT stream, segment, layer, detector, period_start, events, ood_events,\n"
        "       CAST(represented_ood AS DOUBLE PRECISION) / represented AS ood_rate, represented, "
        "alpha\n"
        f"FROM (\n{_UNION.join(arms)}\n) AS period"
    )


def histogram_view(level: str, dialect: str) -> str:
    """Return the query of the view of counts by bin, by ``day`` or in the finest periods kept (``window``)."""
    named = "window_start" if level == "window" else "period_start"
    columns = ", ".join(f"{column} AS {column}" for column in BINS)
    arms = [
        f"SELECT series.stream, segment, layer, detector, {_time(dialect)} AS {named}, "
        f"{columns}\nFROM ({arm}) AS counted {_joins(dialect)}\nWHERE {OF_SCORES}"
        for arm in period_arms(level, dialect, BINS)
    ]
    cases = " ".join(f"WHEN {n} THEN COALESCE({name}, 0)" for n, name in enumerate(BINS))
    edges = " UNION ALL ".join(
        f"SELECT {n} AS bin, {low} AS p_low, {high} AS p_high"
        for n, (low, high) in enumerate(pairwise(EDGES))
    )
    return (
        f"SELECT stream, segment, layer, detector, {named},\n"
        "       CAST(p_low AS DOUBLE PRECISION) AS p_low, "
        "CAST(p_high AS DOUBLE PRECISION) AS p_high,\n"
        f"       CASE bin {cases} END AS events\n"
        f"FROM (\n{_UNION.join(arms)}\n) AS counted CROSS JOIN ({edges}) AS edges"
    )


def class_view(level: str, dialect: str) -> str:
    """Return the query of the view of predicted classes by ``hour`` or ``day``."""
    arms = [
        f"SELECT series.stream, segment, detector, {_time(dialect)} AS period_start, events, "
        f"{', '.join(BINS)}\nFROM ({arm}) AS counted {_joins(dialect)}\n"
        f"WHERE series.layer = '{CLASSES}' AND events > 0"
        for arm in period_arms(level, dialect, ("events", *BINS))
    ]
    cases = " ".join(f"WHEN {n} THEN COALESCE({name}, 0)" for n, name in enumerate(BINS))
    counted = f"CASE class_slot.slot {cases} END"
    return (
        "SELECT counted.stream, counted.segment, counted.detector, period_start, class_slot.class,\n"
        f"       CAST({counted} AS BIGINT) AS events,\n"
        f"       CAST({counted} AS DOUBLE PRECISION) / counted.events AS share\n"
        f"FROM (\n{_UNION.join(arms)}\n) AS counted JOIN class_slot "
        "ON class_slot.stream = counted.stream AND class_slot.detector = counted.detector"
    )


def confidence_view(level: str, dialect: str) -> str:
    """Return the query of the view of the predictions' confidence by ``hour`` or ``day``."""
    unsure = " + ".join(f"COALESCE({name}, 0)" for name in BINS[EDGES.index(0.5) :])
    arms = [
        f"SELECT series.stream, segment, detector, {_time(dialect)} AS period_start,\n"
        "       CAST(events AS BIGINT) AS events, score_sum / events AS mean_confidence,\n"
        f"       CAST({unsure} AS DOUBLE PRECISION) / events AS share_below_half\n"
        f"FROM ({arm}) AS counted {_joins(dialect)}\n"
        f"WHERE series.layer = '{CONFIDENCE}' AND events > 0"
        for arm in period_arms(level, dialect, ("events", "score_sum", *BINS))
    ]
    return _UNION.join(arms)


_UNION = "\nUNION ALL\n"
OF_SCORES = f"series.layer NOT IN ({', '.join(repr(layer) for layer in LABEL_LAYERS)})"
"""SQL for what counts scores, and not predictions."""


def _arms(unit: str, dialect: str, only: str, since: str) -> list[str]:
    if unit == "minute":
        return _minute_arms(dialect, only, since)
    if unit == "window":
        return period_arms("window", dialect, _COUNTS, only=only, since=since)[:1]
    return period_arms(unit, dialect, _COUNTS, only=only, since=since)


def _minute_arms(dialect: str, only: str, since: str) -> list[str]:
    """Return those by window, where shorter windows than a minute are added up."""
    kept, *older = period_arms("window", dialect, _COUNTS, only=only, since=since)
    whole = f"{kept} AND series IN ({_series_of('=')})"
    start = start_sql("window_start", "window", dialect)
    sums = ", ".join(f"SUM({name}) AS {name}" for name in _COUNTS)
    parts = (
        f"SELECT {start} AS window_start, series, {sums} FROM ({kept}) AS kept "
        f"WHERE series IN ({_series_of('<>')}) GROUP BY 1, 2"
    )
    return [whole, parts, *older]


def _series_of(comparison: str) -> str:
    return (
        "SELECT series.id FROM series JOIN stream ON stream.stream = series.stream "
        f"WHERE stream.window_seconds / {_MINUTE} * {_MINUTE} {comparison} stream.window_seconds"
    )


def _rates(arm: str, dialect: str) -> str:
    """Return the rates of one arm.

    Streams are joined to their series, and these to the counts: otherwise PostgreSQL, which cannot know
    how many counts a mark leaves, looks a stream up for each of them.
    """
    ood = " + ".join(
        f"CASE WHEN alpha >= {alpha} THEN COALESCE({name}, 0) ELSE 0 END"
        for alpha, name in zip(ALPHAS, _OOD_BINS, strict=True)
    )
    return (
        f"SELECT stream.stream, segment, layer, detector, {_time(dialect)} AS period_start,\n"
        f"       CAST(events AS BIGINT) AS events, CAST({ood} AS BIGINT) AS ood_events,\n"
        "       CAST(events + COALESCE(left_out, 0) AS BIGINT) AS represented,\n"
        f"       CAST({ood} + COALESCE(left_out_ood, 0) AS BIGINT) AS represented_ood, alpha\n"
        f"FROM stream JOIN series ON series.stream = stream.stream AND {NO_SHADOW}\n"
        f"JOIN ({arm}) AS counted ON counted.series = series.id{_moment(dialect)}\n"
        f"WHERE {OF_SCORES} AND counted.events > 0"
    )


def _time(dialect: str) -> str:
    return "moment.window_start" if dialect == "sqlite" else "counted.window_start"


def _joins(dialect: str) -> str:
    return f"JOIN series ON series.id = counted.series AND {NO_SHADOW}{_moment(dialect)}"


def _moment(dialect: str) -> str:
    return " JOIN moment ON moment.second = counted.window_start" if dialect == "sqlite" else ""
