"""What all of the store's calls stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from ..clock import database_now
from ..database import Database
from ..flush_records import RefusedRow


class Connected:
    """A database, and the clock that dates what is written to it."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] | None = None,
        on_refused: Callable[[Sequence[RefusedRow]], None] | None = None,
    ) -> None:
        """Stand on *database*, which stays the caller's to close.

        Args:
            database: upgraded to this version.
            now: stands in for the database's clock, which dates flushes, heartbeats and leases.
            on_refused: receives rows of a flush that the database refuses because of their content; the
                others are written then. None raises RowRefused instead, and writes nothing.
        """
        self._database = database
        self._clock = now
        self._on_refused = on_refused

    def _now(self, connection: Connection) -> datetime:
        return self._clock() if self._clock else database_now(connection)
