"""The database's own clock: the only one that all agents share."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, text

_ASK = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "SELECT clock_timestamp()",
}


def database_now(connection: Connection) -> datetime:
    """Return the time by the database's clock; SQLite's is that of this machine.

    It does not stand still within a transaction, as PostgreSQL's ``now()`` does.
    """
    value = connection.scalar(text(_ASK[connection.dialect.name]))
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
