"""One look at which segments send much less than usual, from patterns that have taken in the cell."""

from __future__ import annotations

from dataclasses import replace

from driftgauge.storage import POOL, AlertRecord

from ..alert.silence import Fewer, fewer_alert
from .amounts import HOURS, RELEARN
from .arrivals import ArrivalPattern
from .pattern_look import PatternLook, is_fewer, is_source


class FewerLook(PatternLook):
    """Decides which alerts of segments that send less begin and end.

    Where the whole stream sends less, that is one alert, and none of its parts.
    """

    def ended(self) -> list[AlertRecord]:
        """Return the alerts that are over: it sends as usual, is silent, or this has become usual."""
        over = []
        for name, alert in self._told_before.items():
            pattern = self._patterns.get(name)
            if pattern is None or pattern.amounts.fewer_from is None or self._is_over(pattern):
                over.append(replace(alert, state="resolved", resolved_at=self._at))
        return over

    def told(self) -> list[AlertRecord]:
        """Return new alerts, and take up what a person ended: it is usual from then on."""
        told_before = self._told_before
        for name, pattern in self._patterns.items():
            begun = pattern.amounts.fewer_from
            if begun is not None and begun < self._at and name not in told_before:
                pattern.amounts.relearn()
                self.changed.add(name)
        fewer = [name for name in sorted(self._patterns) if self._is_fewer(name)]
        pool = self._patterns.get(POOL)
        if POOL in fewer:
            fewer = [POOL]
        elif pool is not None and pool.amounts.fewer_from is not None:
            fewer = []
        return [self._tell(name) for name in fewer]

    @property
    def _told_before(self) -> dict[str, AlertRecord]:
        return {alert.segment: alert for alert in self._live if is_fewer(alert)}

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
        is_heard = pattern.held_from is None and is_source(name)
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
