"""A process for tests to kill: it flushes, rolls up and drops for ever, and tells nothing.

Run: python -m tests.crash.history_writer URL
"""

from __future__ import annotations

import sys
from datetime import timedelta

from driftgauge.storage import Database, FlushRecord, OffsetAdvance, Store, StoreUnavailable

from ..stores import DETECTOR, START, STREAM, TOPIC, window

KEEP = {"window": timedelta(hours=6), "hour": timedelta(days=2), "day": None}
MINUTES = 50
"""Of event time between two flushes, so that roll-up and retention have something to do."""


def flush_at(offset: int) -> FlushRecord:
    """Return the flush that moves the stream from *offset* by one; every third is ten hours late."""
    minute = offset * MINUTES - (600 if offset % 3 == 2 else 0)
    rows = [
        window({offset % 18: 1 + offset % 7}, minute=minute, segment=f"camera={n}")
        for n in range(20)
    ]
    time = START + timedelta(minutes=offset * MINUTES)
    moved = OffsetAdvance(TOPIC, 0, offset or None, offset + 1, time)
    return FlushRecord(STREAM, DETECTOR, [moved], rows)


def turn(database: Database) -> None:
    """Write the next flush; then roll up and drop what is due."""
    store = Store(database)
    offset = store.offsets(STREAM, [(TOPIC, 0)]).get((TOPIC, 0), 0)
    now = START + timedelta(minutes=offset * MINUTES)
    store = Store(database, now=lambda: now)
    store.flush(flush_at(offset))
    while store.upkeep.roll_up_some(slice_rows=30):
        pass
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE segment_progress SET waiting_since = NULL")
    for _ in store.upkeep.retain(STREAM, KEEP):
        pass


def main(url: str) -> None:
    """Turn until killed; a database that is away is waited for."""
    database = Database(url)
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    while True:
        try:
            turn(database)
        except StoreUnavailable:
            continue


if __name__ == "__main__":
    main(sys.argv[1])
