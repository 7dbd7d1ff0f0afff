"""Insert or update, which SQLAlchemy spells once for each database."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Upsert = postgresql.Insert | sqlite.Insert


def upsert(connection: Connection, table: Table) -> Upsert:
    """Return the dialect's insert into *table*, which has ``on_conflict_do_...``."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def wrote_one(connection: Connection, statement: Upsert, row: Mapping[str, object]) -> bool:
    """Insert *row* and return whether it was written; a conflict may have left it out."""
    # without the option the row count of an insert is -1 on PostgreSQL
    options = {"preserve_rowcount": True}
    return connection.execute(statement, row, execution_options=options).rowcount == 1
