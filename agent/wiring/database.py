"""The database that the settings name."""

from __future__ import annotations

from driftgauge.storage import Database

from ..settings.load import Settings


def build_database(settings: Settings) -> Database:
    """Open the database; an SQLite file is brought to this version, PostgreSQL must be at it.

    Raises:
        SchemaOutOfDate: PostgreSQL's tables are older or newer than this version.
    """
    database = Database(settings.store.url.get_secret_value())
    if database.is_sqlite:
        database.upgrade()
    else:
        database.check_schema()
    return database
