"""PostgreSQL's partitions of the counts by window: one a day (UTC), so that a day is dropped at once.

What lies outside all of them (a camera whose clock is wrong, an old topic) is in ``window_counts_other``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

PARENT, OTHER = "window_counts", "window_counts_other"
_DAY = timedelta(days=1)
_LOCK_MILLISECONDS = 500


def ensure_partitions(connection: Connection, times: Iterable[datetime]) -> None:
    """Make the partition of the day of each of *times* that has none; PostgreSQL only.

    Rows of such a day that are among the others move into it.
    """
    days = {
        time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) for time in times
    }
    for day in sorted(days.difference(partition_days(connection))):
        _make(connection, day)


def partition_days(connection: Connection) -> list[datetime]:
    """Return the day of each partition in order."""
    names = connection.execute(
        text(
            "SELECT child.relname FROM pg_inherits "
            "JOIN pg_class AS child ON child.oid = inhrelid "
            "WHERE inhparent = to_regclass(:parent) ORDER BY 1"
        ),
        {"parent": PARENT},
    )
    texts = [name.removeprefix(f"{PARENT}_") for (name,) in names if name != OTHER]
    return [datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC) for text in texts]


def drop_partition(connection: Connection, day: datetime) -> None:
    """Drop the partition of *day*, unless somebody reads it for longer than flushes may wait."""
    _wait_briefly(connection)
    connection.exec_driver_sql(f"DROP TABLE {partition_name(day)}")


def partition_name(day: datetime) -> str:
    """Return the name of the partition of *day*."""
    return f"{PARENT}_{day:%Y%m%d}"


def _wait_briefly(connection: Connection) -> None:
    """Let this transaction give up a lock that it does not get while flushes may wait behind it."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_MILLISECONDS}ms'")


def _make(connection: Connection, day: datetime) -> None:
    """Make a table of its own, fill and attach it, which blocks no flush of a day that has its own.

    Those of *day* go to the others until then, so that these are locked first: a row that came between
    copying and attaching would be refused.
    """
    name, until = partition_name(day), day + _DAY
    span = f"window_start >= '{day.isoformat()}' AND window_start < '{until.isoformat()}'"
    run = connection.exec_driver_sql
    _wait_briefly(connection)
    run(f"LOCK TABLE {OTHER} IN ACCESS EXCLUSIVE MODE")
    run(f"CREATE TABLE {name} (LIKE {PARENT} INCLUDING DEFAULTS)")
    run(f"INSERT INTO {name} SELECT * FROM {OTHER} WHERE {span}")
    run(f"DELETE FROM {OTHER} WHERE {span}")
    run(f"ALTER TABLE {name} ADD CONSTRAINT span CHECK ({span})")
    run(
        f"ALTER TABLE {PARENT} ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{day.isoformat()}') TO ('{until.isoformat()}')"
    )
    run(f"ALTER TABLE {name} DROP CONSTRAINT span")
