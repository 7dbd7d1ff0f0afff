"""A copy of an SQLite database that is whole, taken while agents write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .errors import StorageError, StoreUnavailable
from .sqlite_file import OWNER_ONLY

_PAGES = 5_000


def backup_sqlite(path: Path, to: Path, on_pages: Callable[[int, int], None]) -> None:
    """Copy *path* to *to*, as it was at one moment, with SQLite's online backup.

    It is written beside *to* first, so that *to* is a whole copy or none. Only the owner may read it.

    Args:
        path: the database.
        to: does not exist.
        on_pages: receives how many pages of how many are copied.

    Raises:
        StorageError: *to* exists.
        StoreUnavailable: it cannot be read or written, such as for a full disk.
    """
    if to.exists():
        raise StorageError(f"{to} exists already", hint="name a file that does not exist")
    part = to.with_name(f"{to.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(OWNER_ONLY)
        _copy(path, part, on_pages)
        part.replace(to)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreUnavailable(
            f"{path} could not be copied to {to}: {error}",
            hint="check that the folder can be written and has room for the whole database",
        ) from error


def _copy(path: Path, part: Path, on_pages: Callable[[int, int], None]) -> None:
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(part)) as target:
        # In one transaction: pages that agents write meanwhile would make it begin anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            target,
            pages=_PAGES,
            progress=lambda status, remaining, total: on_pages(total - remaining, total),
        )
        target.execute("PRAGMA journal_mode=DELETE").close()  # one file, without a -wal
