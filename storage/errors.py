"""What can go wrong in the database.

StorageError
├── StoreUnavailable    (retryable) no answer: unreachable, locked, full, out of connections
├── SchemaOutOfDate     the tables are older or newer than this version of driftgauge
├── RowRefused          the database refuses a row because of its content; the same row never fits
├── QueryRefused        a person's query is wrong, or does more than read
├── QueryTimedOut       a person's query took longer than it may
└── RecordConflict      the database holds something else than the caller believes
    └── StaleFlush      another agent moved a partition first; the flush wrote nothing
"""

from __future__ import annotations

from ..errors import DriftgaugeError


class StorageError(DriftgaugeError):
    """The database refused."""


class StoreUnavailable(StorageError):
    """The database did not answer."""

    retryable = True
    hint = "check that the database runs and that [store] url is right"


class SchemaOutOfDate(StorageError):
    """The database's tables do not fit this version of driftgauge."""

    hint = "driftgauge db upgrade"


class RowRefused(StorageError):
    """The database refuses a row because of its content."""


class QueryRefused(StorageError):
    """The query cannot be run."""

    hint = "docs/sql.md describes the tables and views; driftgauge query lists them"


class QueryTimedOut(StorageError):
    """The query took longer than it may."""

    hint = "ask for fewer days, read ood_rate_daily or ood_rate_hourly, or raise --timeout"


class RecordConflict(StorageError):
    """The database holds something else than the caller believes."""


class StaleFlush(RecordConflict):
    """Another agent moved this partition first; the flush wrote nothing."""

    hint = "drop the counts in memory and seek to the database's offsets"
