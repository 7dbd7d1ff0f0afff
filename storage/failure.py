"""What an exception of a database's driver means to driftgauge, and what to do about it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .errors import RecordConflict, RowRefused, SchemaOutOfDate, StorageError, StoreUnavailable

_MISSING = ("no such table", "no such column", "has no column named")
_MISSING_STATES = ("42P01", "42703")  # PostgreSQL: undefined table, undefined column
_UNREGISTERED = "register the stream first: Store.ensure_stream"

# A row that is at fault itself. PostgreSQL: too long for an index, a null, a failed check.
_ROW_STATES = ("54000", "23502", "23514")
_ROW_NAMES = ("SQLITE_CONSTRAINT_NOTNULL", "SQLITE_CONSTRAINT_CHECK", "SQLITE_TOOBIG")

# What another try may cure though the driver does not call it operational. PostgreSQL: a server
# that is a standby now, a deadlock, no lock in time.
_OUTAGE_STATES = ("25006", "40001", "40P01", "55P03")

_WRITABLE = "give the user that runs driftgauge write permission on the file and its folder"
_SPACE = "free space on the database's disk"
_DISK = "see whether the database's disk is full (df) or fails (dmesg)"
_LOGIN = (
    "check user and password in [store] url; in a password, write @ as %40, / as %2F and : as %3A"
)
_HINTS = (
    (r"unable to open database file|readonly database", _WRITABLE),
    (r"disk is full|No space left on device", _SPACE),
    (r"disk I/O error", _DISK),
    (r"database is locked", "end the program that locks the file, or wait until it has finished"),
    (r"is not a database", "set [store] url to another file; this one is not a database"),
    (r"disk image is malformed", "restore the file from a backup, or start with a new one"),
    (r"authentication failed|no password supplied|role .* does not exist", _LOGIN),
    (r"database .* does not exist", "CREATE DATABASE with that name, then: driftgauge db upgrade"),
    (r"no pg_hba.conf entry", "allow this host: add a line for it to the server's pg_hba.conf"),
    (r"too many clients", "raise the server's max_connections, or put PgBouncer in front of it"),
    (r"read-only transaction", "set [store] url to the primary, not to a standby"),
    (r"denied for schema", "GRANT CREATE, USAGE ON SCHEMA public TO the user in [store] url"),
    (r"permission denied for", "GRANT the user in [store] url all rights on driftgauge's tables"),
    (r"other objects depend on it", "drop your views that read driftgauge's, and upgrade again"),
)


def storage_error(error: SQLAlchemyError, name: str) -> StorageError:
    """Return the storage error that *error* from the database *name* amounts to."""
    reason = _reason(error)
    if isinstance(error, DBAPIError) and _is_missing(error, reason):
        return SchemaOutOfDate(f"{name} lacks tables that this version needs: {reason}")
    if _is_row_fault(error):
        return RowRefused(f"{name} refused a row because of its content: {reason}")
    if isinstance(error, IntegrityError):
        hint = _UNREGISTERED if "foreign key" in reason.lower() else None
        return RecordConflict(f"{name} refused a record: {reason}", hint=hint)
    if _is_outage(error):
        return StoreUnavailable(f"{name} did not answer: {reason}", hint=_hint(reason))
    return StorageError(f"{name} refused: {reason}", hint=_hint(reason))


def file_error(error: OSError, path: Path) -> StoreUnavailable:
    """Return what it means that the SQLite file *path* cannot be made."""
    no_space = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = error.strerror or str(error)
    return StoreUnavailable(
        f"cannot create the database {path}: {reason}", hint=_SPACE if no_space else _WRITABLE
    )


def _reason(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, StatementError) and error.orig else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _hint(reason: str) -> str | None:
    return next((hint for pattern, hint in _HINTS if re.search(pattern, reason)), None)


def _state(error: SQLAlchemyError) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _errorname(error: SQLAlchemyError) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlite_errorname", None)


def _is_missing(error: DBAPIError, reason: str) -> bool:
    return _state(error) in _MISSING_STATES or any(words in reason for words in _MISSING)


def _is_row_fault(error: SQLAlchemyError) -> bool:
    if isinstance(error, DataError):
        return True
    return _state(error) in _ROW_STATES or _errorname(error) in _ROW_NAMES


def _is_outage(error: SQLAlchemyError) -> bool:
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if _errorname(error) == "SQLITE_ERROR":  # a mistake in the SQL
        return False
    if _state(error) in _OUTAGE_STATES:
        return True
    return isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated
