"""What a database driver's exception means to driftgauge."""

from __future__ import annotations

from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .errors import RecordConflict, SchemaOutOfDate, StorageError, StoreUnavailable

_MISSING = ("no such table", "no such column", "has no column named")
_UNREGISTERED = "register the stream first: Store.ensure_stream"
_MISSING_STATES = ("42P01", "42703")  # PostgreSQL: undefined table, undefined column


def storage_error(error: SQLAlchemyError, name: str) -> StorageError:
    """Return the storage error that *error* from the database *name* amounts to."""
    reason = _reason(error)
    if isinstance(error, DBAPIError) and _is_missing(error, reason):
        return SchemaOutOfDate(f"{name} lacks tables that this version needs: {reason}")
    if isinstance(error, IntegrityError):
        hint = _UNREGISTERED if "foreign key" in reason.lower() else None
        return RecordConflict(f"{name} refused a record: {reason}", hint=hint)
    if _is_outage(error):
        return StoreUnavailable(f"{name} did not answer: {reason}")
    return StorageError(f"{name} refused: {reason}")


def _reason(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _is_missing(error: DBAPIError, reason: str) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in _MISSING_STATES or any(words in reason for words in _MISSING)


def _is_outage(error: SQLAlchemyError) -> bool:
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_ERROR":  # a mistake in the SQL
        return False
    return isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated
