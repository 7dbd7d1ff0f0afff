"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, DateTime, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

Count = BigInteger().with_variant(Integer, "sqlite")
"""64 bits in both; SQLite numbers rows by itself only where the type is called INTEGER."""


def refuse_naive(value: datetime) -> None:
    """Raise a ValueError if *value* has no time zone."""
    if value.tzinfo is None:
        raise ValueError(f"a datetime without a time zone: {value}; wanted UTC")


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware UTC datetime.

    PostgreSQL keeps ``TIMESTAMP WITH TIME ZONE``. SQLite keeps text in the form of its own
    ``datetime()``, ``2026-01-31 09:15:00``, with six more digits where there is a fraction: such
    texts sort by time, and compare with ``datetime('now', '-1 day')``.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[str]:
        """Choose the column's type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Refuse naive datetimes; write text for SQLite."""
        if value is None:
            return None
        refuse_naive(value)
        utc = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return utc.replace(tzinfo=None).isoformat(sep=" ")
        return utc

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        """Give aware UTC datetimes back."""
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return value.astimezone(UTC) if isinstance(value, datetime) else None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _SECOND


def whole_second(moment: datetime) -> datetime:
    """Return the next whole second: the counts know no others."""
    whole = moment.replace(microsecond=0)
    return moment if moment == whole or moment > _LAST else whole + _SECOND


class UtcSecond(TypeDecorator[datetime]):
    """An aware UTC datetime in whole seconds, where millions of rows have one.

    PostgreSQL keeps ``TIMESTAMP WITH TIME ZONE``; SQLite seconds since 1970, 4 bytes instead of 19.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[int]:
        """Choose the column's type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Integer())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Refuse naive datetimes; write seconds for SQLite."""
        if value is None:
            return None
        refuse_naive(value)
        if dialect.name == "sqlite":
            return (value - _EPOCH) // _SECOND
        return value.astimezone(UTC).replace(microsecond=0)

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        """Give aware UTC datetimes back."""
        if isinstance(value, int):
            return _EPOCH + value * _SECOND
        return value.astimezone(UTC) if isinstance(value, datetime) else None


KEY_CHARACTERS = 500
"""A text that is part of an index: PostgreSQL's rows there hold 2,704 bytes, a character up to 4."""

_CUT = "\N{HORIZONTAL ELLIPSIS}"


class ForeignText(TypeDecorator[str]):
    """Text from outside, made to fit: a text alone never makes a database refuse its row.

    What PostgreSQL cannot hold (NUL, lone surrogates) is replaced; what is too long is cut, and
    ends with an ellipsis then.

    Args:
        max_characters: for a text that is part of no index, what a person would read of it.
    """

    impl = Text
    cache_ok = True

    def __init__(self, max_characters: int = KEY_CHARACTERS) -> None:
        super().__init__()
        self.max_characters = max_characters

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace and cut what one of the databases would refuse."""
        return None if value is None else stored_text(value, self.max_characters)


@lru_cache(maxsize=50_000)
def stored_text(value: str, max_characters: int = KEY_CHARACTERS) -> str:
    """Return *value* as a `ForeignText` keeps it."""
    if len(value) > max_characters:
        value = value[: max_characters - 1] + _CUT
    if value.isprintable():
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
