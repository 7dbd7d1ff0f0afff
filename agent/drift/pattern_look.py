"""What every look at the segments' patterns of arrivals begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from driftgauge.storage import SILENCE, AlertRecord

from .arrivals import ArrivalPattern
from .silence_settings import SilenceSettings

NO_SOURCE = ("predicted_class=",)
"""Segments that are the model's answers, and no source that could fall silent."""


class PatternLook:
    """One look, from patterns that have taken in the cell.

    Attributes:
        changed: segments whose pattern must be written.

    Args:
        settings: of the watch.
        patterns: by segment; what is told is noted in them.
        at: now, by the database's clock.
        live: the stream's alerts that live.
    """

    def __init__(
        self,
        settings: SilenceSettings,
        patterns: Mapping[str, ArrivalPattern],
        at: datetime,
        live: Sequence[AlertRecord],
    ) -> None:
        self._settings = settings
        self._patterns = patterns
        self._at = at
        self._live = live
        self.changed: set[str] = set()


def is_source(segment: str) -> bool:
    """Return whether a segment is something that sends."""
    return not segment.startswith(NO_SOURCE)


def is_fewer(alert: AlertRecord) -> bool:
    """Return whether an alert tells of a segment that sends less than usual, but something."""
    return alert.test == SILENCE and bool(alert.events)
