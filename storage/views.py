"""The views for people: views.sql, with the few words that the two databases spell apart."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, literal_column

from .columns import UtcTimestamp

VIEWS = (
    "ood_rate_minutely",
    "ood_rate_hourly",
    "ood_rate_daily",
    "alert_history",
    "p_value_histogram",
)

_FORMATS = {"minute": "%Y-%m-%d %H:%M:00", "hour": "%Y-%m-%d %H:00:00", "day": "%Y-%m-%d 00:00:00"}


def period_start(unit: str, dialect: str) -> ColumnElement[datetime]:
    """Return the SQL for the start of the minute, hour or day (UTC) of ``window_start``."""
    return literal_column(_period_sql(unit, dialect), UtcTimestamp())


def create_views(connection: Connection) -> None:
    """Create every view."""
    for statement in view_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def drop_views(connection: Connection) -> None:
    """Drop every view that is there, so that the tables under them can change."""
    for name in VIEWS:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def view_statements(dialect: str) -> list[str]:
    """Return the ``CREATE VIEW`` statements of views.sql as *dialect* wants them."""
    source = Path(__file__).with_name("views.sql").read_text(encoding="utf-8")
    for unit in _FORMATS:
        source = source.replace(f"{{{unit}}}", _period_sql(unit, dialect))
    return [part.strip() for part in source.split(";\n") if part.strip()]


def _period_sql(unit: str, dialect: str) -> str:
    if dialect == "sqlite":
        return f"strftime('{_FORMATS[unit]}', window_start)"
    return f"date_trunc('{unit}', window_start, 'UTC')"
