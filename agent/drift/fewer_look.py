"""One look at which segments send much less than usual, from patterns that have taken in the cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from driftgauge.storage import POOL, SILENCE, AlertRecord

from ..alert.silence import Fewer, fewer_alert
from .amounts import HOURS, RELEARN
from .arrivals import ArrivalPattern
from .silence_look import NO_SOURCE
from .silence_settings import SilenceSettings


class FewerLook:
    """Decides which alerts of segments that send less begin and end.

    Where the whole stream sends less, that is one alert, and none of its parts.

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
        self._live = {
            alert.segment: alert for alert in live if alert.test == SILENCE and alert.events
        }
        self.changed: set[str] = set()

    def ended(self) -> list[AlertRecord]:
        """Return the alerts that are over: it sends as usual, is silent, or this has become usual."""
        over = []
        for name, alert in self._live.items():
            pattern = self._patterns.get(name)
            if pattern is None or pattern.amounts.fewer_from is None or self._is_over(pattern):
                over.append(replace(alert, state="resolved", resolved_at=self._at))
        return over

    def told(self) -> list[AlertRecord]:
        """Return new alerts, and take up what a person ended: it is usual from then on."""
        for name, pattern in self._patterns.items():
            begun = pattern.amounts.fewer_from
            if begun is not None and begun < self._at and name not in self._live:
                pattern.amounts.relearn()
                self.changed.add(name)
        fewer = [name for name in sorted(self._patterns) if self._is_fewer(name)]
        pool = self._patterns.get(POOL)
        if POOL in fewer:
            fewer = [POOL]
        elif pool is not None and pool.amounts.fewer_from is not None:
            fewer = []
        return [self._tell(name) for name in fewer]

    def _is_over(self, pattern: ArrivalPattern) -> bool:
        """Return whether it sends as usual again, and end it in the pattern."""
        amounts, begun = pattern.amounts, pattern.amounts.fewer_from or self._at
        if self._at - begun >= RELEARN:
            amounts.relearn()
        elif amounts.is_back or pattern.held_from is not None:
            amounts.fewer_from = None
        else:
            return False
        self.changed.update(name for name, one in self._patterns.items() if one is pattern)
        return True

    def _is_fewer(self, name: str) -> bool:
        pattern = self._patterns[name]
        is_heard = pattern.held_from is None and not name.startswith(NO_SOURCE)
        return is_heard and pattern.amounts.fewer_from is None and pattern.amounts.is_fewer

    def _tell(self, name: str) -> AlertRecord:
        amounts = self._patterns[name].amounts
        amounts.fewer_from = self._at
        self.changed.add(name)
        came, usual = amounts.last.sum(axis=0)
        fewer = Fewer(
            segment=name,
            at=self._at,
            hours=HOURS,
            came=int(came),
            usual=float(usual),
            lowest=float(amounts.lowest.min()),
        )
        settings = self._settings
        return fewer_alert(fewer, stream=settings.stream, detector=settings.detector)
