"""What every page works with: the database, the settings, and the stream that is asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from driftgauge.storage import EvidenceRecord, Store, StreamRecord

from ..pages.shots import Shot, shots
from ..review.judged_by import judging_of
from ..review.standing import StreamStanding, stream_standing
from .errors import NothingThere

if TYPE_CHECKING:
    from ..drift.monitor_settings import MonitorSettings
    from ..settings.load import Settings

Made = TypeVar("Made")

SHARED_SECONDS = 2.0
"""What was made so lately is shown to the next viewer as well."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What pages are made from; threads share one.

    Attributes:
        store: on connections that refuse to write.
        writer: the same database for a person's changes.
        settings: None where the database was named without them.
        now: the wall clock.
    """

    store: Store
    writer: Store
    settings: Settings | None
    now: Callable[[], datetime]
    _shared: dict[object, tuple[float, Any]] = field(default_factory=dict)
    _locks: dict[object, threading.Lock] = field(default_factory=dict)

    @property
    def shows_pictures(self) -> bool:
        """Whether kept pictures may be shown: not where the settings want none, also of older ones."""
        return self.settings is None or self.settings.evidence.thumbnails != "none"

    def streams(self) -> list[str]:
        """Return the streams of the database, that of the settings first."""
        names = [row.stream for row in self.store.streams()]
        own = self.settings.stream.name if self.settings else ""
        return sorted(names, key=lambda name: (name != own, name))

    def stream(self, name: str) -> StreamRecord:
        """Return the stream with this name; raise NothingThere where the database has none."""
        rows = self.store.streams()
        for row in rows:
            if row.stream == name:
                return row
        known = ", ".join(row.stream for row in rows) or "none yet"
        raise NothingThere(f"the database has no stream {name!r}; it has: {known}")

    def standing(self, stream: StreamRecord) -> StreamStanding:
        """Return whether the stream's agents work, for whatever shows it on a page."""
        return self.shared(("standing", stream.stream), lambda: stream_standing(self.store, stream))

    def judging(self, stream: StreamRecord) -> MonitorSettings | None:
        """Return how the stream's windows are judged, None where the settings are of another one."""
        if self.settings is None or self.settings.stream.name != stream.stream:
            return None
        return judging_of(self.settings, self.store, stream)

    def shots(self, records: list[EvidenceRecord]) -> list[Shot]:
        """Return kept events as a page shows them, without pictures where these are off."""
        found = shots(records)
        if self.shows_pictures:
            return found
        return [Shot("", one.caption, one.place, one.when) for one in found]

    def shared(self, key: object, make: Callable[[], Made]) -> Made:
        """Return what *make* gives; made once for all who ask for *key* within two seconds."""
        lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            made_at, made = self._shared.get(key, (float("-inf"), None))
            if time.monotonic() - made_at > SHARED_SECONDS:
                made = make()
                self._shared[key] = (time.monotonic(), made)
            return cast("Made", made)

    def forget(self) -> None:
        """Make everything again for the next viewer: something was changed."""
        self._shared.clear()
