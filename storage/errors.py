"""What can go wrong in the database.

StorageError
├── StoreUnavailable    (retryable) no answer: unreachable, locked, out of connections
├── SchemaOutOfDate     the tables are older or newer than this version of driftgauge
└── RecordConflict      the database holds something else than the caller believes
    └── StaleFlush      another agent moved a partition first; the flush wrote nothing
"""

from __future__ import annotations

from typing import ClassVar


class StorageError(Exception):
    """The database refused."""

    retryable: ClassVar[bool] = False
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or self.__doc__ or "")
        self.hint = self.default_hint if hint is None else hint


class StoreUnavailable(StorageError):
    """The database did not answer."""

    retryable = True
    default_hint = "check that the database runs and that [store] url is right"


class SchemaOutOfDate(StorageError):
    """The database's tables do not fit this version of driftgauge."""

    default_hint = "driftgauge db upgrade"


class RecordConflict(StorageError):
    """The database holds something else than the caller believes."""


class StaleFlush(RecordConflict):
    """Another agent moved this partition first; the flush wrote nothing."""

    default_hint = "drop what was counted and seek to the database's offsets"
