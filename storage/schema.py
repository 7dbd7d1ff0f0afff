"""Migrations by Alembic, the views that stand on the tables, and whether both are current.

Alembic is loaded to upgrade only: every command asks whether the database is current, and loading it
takes a third of the time of a short one.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from .errors import SchemaOutOfDate
from .move import is_left_to_move
from .views import create_views, drop_views, outdated_views

MIGRATIONS = Path(__file__).parent / "migrations"
_UPGRADE_LOCK = 0x64726966  # "drif", PostgreSQL's key for the agents' turn
_alembic_turn = threading.Lock()  # Alembic keeps its context in module globals


def upgrade_schema(connection: Connection) -> bool:
    """Bring tables and views to this version in this transaction; return whether they changed."""
    take_turn(connection)
    is_current = _revision(connection) == newest_revision()
    if is_current and not outdated_views(connection):
        return False
    drop_views(connection)
    if not is_current:
        _migrate(connection)
    create_views(connection)
    return True


def take_turn(connection: Connection) -> None:
    """Wait until no other agent upgrades, for this transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with _alembic_turn:
            command.upgrade(config, "head")
    except CommandError as error:
        raise _newer(_revision(connection)) from error


def check_schema(connection: Connection) -> None:
    """Raise SchemaOutOfDate unless tables and views are those of this version."""
    found, wanted = _revision(connection), newest_revision()
    if found == wanted:
        if outdated := outdated_views(connection):
            names = ", ".join(outdated)
            raise SchemaOutOfDate(
                f"the database's views differ from this version of driftgauge: {names}"
            )
        if is_left_to_move(connection):
            raise SchemaOutOfDate("an upgrade of the database was begun and has not finished")
        return
    if found is not None and found not in _revisions():
        raise _newer(found)
    state = "has no driftgauge tables" if found is None else f"is at version {found}"
    raise SchemaOutOfDate(f"the database {state}, this driftgauge needs version {wanted}")


def newest_revision() -> str:
    """Return the version of the tables that this code was written for."""
    return _revisions()[-1]


def _newer(found: str | None) -> SchemaOutOfDate:
    return SchemaOutOfDate(
        f"the database is at version {found}, which is unknown to this version of driftgauge",
        hint="install the driftgauge version that last upgraded this database, or a newer one",
    )


def _revisions() -> list[str]:
    """Return the numbers of the migrations in order, as their files are called."""
    return sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9]*_*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
