"""The words of views.sql that the views for people need: spans of the levels, and what is normal."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .histogram import ALPHAS
from .levels import period_arms
from .shadows import NO_SHADOW
from .tables import BINS

_OOD_BINS = BINS[: len(ALPHAS)]
_COUNTS = ("events", "left_out", "left_out_ood", *_OOD_BINS)
_DAY = 86_400
_SECONDS = re.compile(r"\{seconds (\S+) (\S+)\}")
_SECONDS_BETWEEN = {
    "sqlite": r"ROUND((julianday(\2) - julianday(\1)) * 86400, 3)",
    "postgresql": r"CAST(EXTRACT(EPOCH FROM \2 - \1) AS DOUBLE PRECISION)",
}
_RATES_AT = """'$.normal_rates_at."' || printf('%g', stream.alpha) || '"'"""
_REGISTERED_RATE = {
    "sqlite": "(SELECT value FROM json_each(detector.manifest, "
    f"CASE WHEN json_type(detector.manifest, {_RATES_AT}) = 'object' THEN {_RATES_AT} "
    "ELSE '$.normal_rates' END) WHERE key = latest.segment)",
    "postgresql": "CAST(COALESCE(detector.manifest -> 'normal_rates_at' -> "
    "CAST(stream.alpha AS text), detector.manifest -> 'normal_rates') ->> latest.segment "
    "AS DOUBLE PRECISION)",
}
"""A segment's OOD rate on its detector's reference, at the stream's alpha where that is known."""


def people_words(dialect: str) -> Mapping[str, str]:
    """Return what the words of the views for people mean in *dialect*."""
    now = f"window_start > {_before_newest(dialect, days=1 / 12)}"
    latest = f"window_start > {_before_newest(dialect, days=1)}"
    earlier = (
        f"window_start > {_before_newest(dialect, days=30)} "
        f"AND window_start <= {_before_newest(dialect, days=2)}"  # starts: the day ends before
    )
    return {
        "hours of the last two": _span("hour", dialect, now),
        "hours of the last day": _span("hour", dialect, latest),
        "days before": _span("day", dialect, earlier),
        "ood": " + ".join(
            f"CASE WHEN alpha >= {alpha} THEN COALESCE({name}, 0) ELSE 0 END"
            for alpha, name in zip(ALPHAS, _OOD_BINS, strict=True)
        ),
        "registered rate": _REGISTERED_RATE[dialect],
    }


def spell_seconds(source: str, dialect: str) -> str:
    """Return *source* with ``{seconds FROM TO}`` as *dialect* has the seconds between two times."""
    return _SECONDS.sub(_SECONDS_BETWEEN[dialect], source)


def _span(level: str, dialect: str, condition: str) -> str:
    """Return a table of the level's counts over all layers in a span, with their series.

    The conditions stand in each part: SQLite does not carry them there, and would copy every layer's.
    """
    parts = [
        f"SELECT * FROM ({arm}) AS part WHERE {condition} "
        "AND series IN (SELECT id FROM series WHERE layer = '*')"
        for arm in period_arms(level, dialect, _COUNTS)
    ]
    return (
        f"({' UNION ALL '.join(parts)}) AS counted JOIN series ON series.id = counted.series "
        f"AND {NO_SHADOW}"
    )


def _before_newest(dialect: str, *, days: float) -> str:
    """Return the SQL for so many days before the newest event, as the counts keep times."""
    if dialect == "sqlite":
        newest = "CAST(strftime('%s', max(event_time_max)) AS INTEGER)"
        return f"(SELECT {newest} - {round(days * _DAY)} FROM segment_progress)"
    return f"(SELECT max(event_time_max) - INTERVAL '{round(days * _DAY)} seconds' FROM segment_progress)"
