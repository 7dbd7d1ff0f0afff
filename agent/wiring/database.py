"""The database that the settings name, and the store on it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from driftgauge.storage import Database, RefusedRow, Store

from ..log import action
from ..settings.load import Settings

log = logging.getLogger(__name__)


def build_database(settings: Settings) -> Database:
    """Open the database; an SQLite file is brought to this version, PostgreSQL must be at it.

    Raises:
        SchemaOutOfDate: PostgreSQL's tables are older or newer than this version.
        StorageError: it cannot be opened; with what to do.
    """
    database = Database(settings.store.url.get_secret_value())
    try:
        if database.is_sqlite:
            database.upgrade()
        else:
            database.check_schema()
    except Exception:
        database.close()
        raise
    if database.others_may_read():
        log.warning(
            "other users of this machine may read %s, which holds pictures; if they should not: "
            "chmod 600 %s*",
            *(database.path, database.path),
            extra=action("database_readable", path=str(database.path)),
        )
    return database


def build_store(database: Database) -> Store:
    """Return a store that leaves out rows that the database refuses, and says so in the log."""
    return Store(database, on_refused=_tell_refused)


def _tell_refused(rows: Sequence[RefusedRow]) -> None:
    for is_lost, outcome in (
        (False, "they are counted in the segment ~other"),
        (True, "they are lost"),
    ):
        found = [row for row in rows if row.is_lost is is_lost]
        if found:
            log.error(
                "the database refused %s rows because of their content, %s; the first is a %s of %s: %s",
                *(len(found), outcome, found[0].kind, found[0].of, found[0].reason),
                extra=action("rows_refused", rows=len(found), lost=is_lost),
            )
