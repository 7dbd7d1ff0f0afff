"""What began in the same minutes as a change, and how many segments there are of a kind."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from .tables import segment_progress
from .windows import read_rates

MODEL_VERSION = "model_version"
BEFORE, AFTER = timedelta(minutes=10), timedelta(minutes=5)
"""What began so long before the estimate of a change, or after it, may be its cause."""

_LOOK_BACK = timedelta(days=1)


def n_segments_of(connection: Connection, stream: str, detector: str, key: str | None) -> int:
    """Return how many segments of a kind were counted, such as cameras; 1 where *key* is None."""
    if key is None:
        return 1
    table = segment_progress.c
    query = (
        select(func.count())
        .select_from(segment_progress)
        .where(
            *(table.stream == stream, table.detector == detector),
            table.segment.startswith(f"{key}=", autoescape=True),
        )
    )
    return int(connection.scalar(query) or 0)


def likely_cause(connection: Connection, stream: str, detector: str, since: datetime) -> str | None:
    """Return what was released in the same minutes: a model's version, or else the detector."""
    return _new_version(connection, stream, detector, since) or _new_detector(
        connection, stream, detector, since
    )


def _new_version(connection: Connection, stream: str, detector: str, since: datetime) -> str | None:
    """Return the version whose first images came then, where another was served before."""
    table = segment_progress.c
    own = (
        *(table.stream == stream, table.detector == detector),
        table.segment.startswith(f"{MODEL_VERSION}=", autoescape=True),
    )
    names = list(connection.scalars(select(table.segment).where(*own).order_by(table.segment)))
    if len(names) < 2:  # noqa: PLR2004 - one version alone is no release
        return None
    found = [name for name in names if _began_then(connection, stream, name, detector, since)]
    return found[0] if found else None


def _new_detector(
    connection: Connection, stream: str, detector: str, since: datetime
) -> str | None:
    """Return the detector where its first windows are of then, and another scored before."""
    rows = read_rates(
        connection,
        stream,
        period="window",
        segment="*",
        layer="*",
        since=since - _LOOK_BACK,
        until=None,
        limit=None,
    )
    starts = [row.period_start for row in rows if row.detector == detector]
    has_other = any(row.detector != detector for row in rows if row.period_start <= since)
    is_new = bool(starts) and _is_near(min(starts), since)
    return f"detector={detector}" if has_other and is_new else None


def _began_then(
    connection: Connection, stream: str, segment: str, detector: str, since: datetime
) -> bool:
    rows = read_rates(
        connection,
        stream,
        period="window",
        segment=segment,
        layer="*",
        since=since - _LOOK_BACK,
        until=None,
        limit=None,
    )
    starts = [row.period_start for row in rows if row.detector == detector]
    return bool(starts) and _is_near(min(starts), since)


def _is_near(start: datetime, since: datetime) -> bool:
    return since - BEFORE <= start <= since + AFTER
