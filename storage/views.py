"""The views for people: views.sql, with the few words that the two databases spell apart."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from sqlalchemy import Connection, inspect, select

from .people_views import people_words, spell_seconds
from .rate_views import OF_SCORES, class_view, confidence_view, histogram_view, rate_view
from .shadows import NO_SHADOW
from .tables import BINS, view_definition

_UNITS = ("window", "minute", "hour", "day")
_CREATED = re.compile(r"^CREATE VIEW (\w+) AS$", re.MULTILINE)


def create_views(connection: Connection) -> None:
    """Create every view, and note which text it was made of."""
    connection.execute(view_definition.delete())
    for name, statement in view_statements(connection.dialect.name).items():
        connection.exec_driver_sql(statement)
        row = {"view": name, "digest": _digest(statement)}
        connection.execute(view_definition.insert(), row)


def drop_views(connection: Connection) -> None:
    """Drop every view that this or an earlier version made, so that the tables can change."""
    there = set(inspect(connection).get_view_names())  # a name may have been a table's before
    for name in _in_order_of_use({*view_names(), *_noted(connection)} & there):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def _in_order_of_use(names: set[str]) -> list[str]:
    """Return *names* so that a view comes before those that it reads, which stand above it."""
    known = view_names()
    return sorted(names, key=lambda name: -known.index(name) if name in known else 1)


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
    for word, meaning in _words(dialect).items():
        source = source.replace(f"{{{word}}}", meaning)
    source = spell_seconds(source, dialect)
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


def _words(dialect: str) -> dict[str, str]:
    """Return what the words in braces mean in *dialect*."""
    is_sqlite = dialect == "sqlite"
    named = f"window_counts AS counted JOIN series ON series.id = counted.series AND {NO_SHADOW}"
    timed = f"{named} JOIN moment ON moment.second = counted.window_start"
    return {
        "window_start": "moment.window_start" if is_sqlite else "counted.window_start",
        "windows": timed if is_sqlite else named,
        "bins": ", ".join(f"COALESCE({name}, 0) AS {name}" for name in BINS),
        **{f"rates by {unit}": rate_view(unit, dialect) for unit in _UNITS},
        "histogram": histogram_view("window", dialect),
        "of scores": OF_SCORES,
        **{f"classes by {unit}": class_view(unit, dialect) for unit in ("hour", "day")},
        **{f"confidence by {unit}": confidence_view(unit, dialect) for unit in ("hour", "day")},
        "histogram by day": histogram_view("day", dialect),
        **people_words(dialect),
    }
