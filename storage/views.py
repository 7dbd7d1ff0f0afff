"""The views for people: views.sql, with the few words that the two databases spell apart."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, inspect, literal_column, select

from .columns import UtcTimestamp
from .histogram import ALPHAS
from .tables import BINS, view_definition

_FORMATS = {"minute": "%Y-%m-%d %H:%M:00", "hour": "%Y-%m-%d %H:00:00", "day": "%Y-%m-%d 00:00:00"}
_CREATED = re.compile(r"^CREATE VIEW (\w+) AS$", re.MULTILINE)


def period_start(unit: str, dialect: str) -> ColumnElement[datetime]:
    """Return the SQL for the start of the minute, hour or day (UTC) of ``window_start``."""
    return literal_column(_period_sql(unit, dialect), UtcTimestamp())


def create_views(connection: Connection) -> None:
    """Create every view, and note which text it was made of."""
    connection.execute(view_definition.delete())
    for name, statement in view_statements(connection.dialect.name).items():
        connection.exec_driver_sql(statement)
        row = {"view": name, "digest": _digest(statement)}
        connection.execute(view_definition.insert(), row)


def drop_views(connection: Connection) -> None:
    """Drop every view that this or an earlier version made, so that the tables can change."""
    for name in sorted({*view_names(), *_noted(connection)}):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def outdated_views(connection: Connection) -> list[str]:
    """Return the views that are missing, or were made of another text than views.sql has now."""
    noted, there = _noted(connection), set(inspect(connection).get_view_names())
    wanted = {
        name: _digest(statement)
        for name, statement in view_statements(connection.dialect.name).items()
    }
    differ = {name for name, digest in wanted.items() if noted.get(name) != digest}
    return sorted(differ | wanted.keys() - there | noted.keys() - wanted.keys())


def view_names() -> list[str]:
    """Return the views of views.sql in their order there."""
    return _CREATED.findall(_source())


def view_statements(dialect: str) -> dict[str, str]:
    """Return the ``CREATE VIEW`` statement of each view of views.sql as *dialect* wants it."""
    source = _source()
    for unit in _FORMATS:
        source = source.replace(f"{{{unit}}}", _period_sql(unit, dialect))
    source = source.replace("{ood_events}", _ood_events_sql())
    statements = [part.strip() for part in source.split(";\n") if part.strip()]
    return {_CREATED.findall(statement)[0]: statement for statement in statements}


def _source() -> str:
    return Path(__file__).with_name("views.sql").read_text(encoding="utf-8")


def _noted(connection: Connection) -> dict[str, str]:
    if not inspect(connection).has_table(view_definition.name):
        return {}
    columns = select(view_definition.c.view, view_definition.c.digest)
    return {row.view: row.digest for row in connection.execute(columns)}


def _digest(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()


def _period_sql(unit: str, dialect: str) -> str:
    if dialect == "sqlite":
        return f"strftime('{_FORMATS[unit]}', window_start)"
    return f"date_trunc('{unit}', window_start, 'UTC')"


def _ood_events_sql() -> str:
    """Return the SQL for how many of a window's p-values are at most ``alpha``."""
    bins = zip(ALPHAS, BINS, strict=False)
    return " + ".join(f"CASE WHEN alpha >= {alpha} THEN {name} ELSE 0 END" for alpha, name in bins)
