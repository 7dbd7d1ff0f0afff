"""Finding the rows that a database refuses because of their content, so that the others are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from .errors import RowRefused
from .failure import storage_error

T = TypeVar("T")
Refused = list[tuple[T, RowRefused]]


class Write(Protocol):
    """A way to write many rows."""

    def __call__(
        self, write_rows: Callable[[Sequence[T]], None], rows: Sequence[T], /
    ) -> Refused[T]:
        """Write *rows* by *write_rows*; return those that were left out, and why."""


def write_all(write_rows: Callable[[Sequence[T]], None], rows: Sequence[T]) -> Refused[T]:
    """Write all rows or fail: quick, and what nearly every flush does."""
    if rows:
        write_rows(rows)
    return []


class WriteApart:
    """Leaves out the rows that are refused, each found by halving, within one transaction."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def __call__(self, write_rows: Callable[[Sequence[T]], None], rows: Sequence[T]) -> Refused[T]:
        """Write what can be written of *rows*."""
        reason = self._try(write_rows, rows) if rows else None
        if reason is None:
            return []
        if len(rows) == 1:
            return [(rows[0], reason)]
        middle = len(rows) // 2
        return [*self(write_rows, rows[:middle]), *self(write_rows, rows[middle:])]

    def _try(
        self, write_rows: Callable[[Sequence[T]], None], rows: Sequence[T]
    ) -> RowRefused | None:
        """Write *rows* or nothing; return why nothing was written."""
        try:
            with self._connection.begin_nested():
                write_rows(rows)
        except SQLAlchemyError as error:
            failure = storage_error(error, self._name)
            if not isinstance(failure, RowRefused):
                raise
            return failure
        except (OverflowError, UnicodeError) as error:
            return RowRefused(f"{self._name} cannot hold a value: {error}")
        return None
