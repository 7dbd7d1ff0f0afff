"""One look at which segments are silent, from patterns that have taken in the cell."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from driftgauge.storage import POOL, SILENCE, AlertRecord

from ..alert.silence import Silence, silence_alert
from .arrivals import ArrivalPattern
from .pattern_look import PatternLook, is_fewer, is_source

GONE = "gone"


class SilenceLook(PatternLook):
    """Decides which alerts of silent segments begin and end.

    Where the whole stream is silent, that is one alert, and none of its parts.
    """

    def ended(self, spoke: Collection[str]) -> list[AlertRecord]:
        """Return the alerts that are over: its segment speaks again, or is gone."""
        over = []
        for alert in self._live:
            pattern = self._patterns.get(alert.segment)
            is_silence = alert.test == SILENCE and not is_fewer(alert)
            if is_silence and (pattern is None or pattern.held_from is None):
                over.append(replace(alert, state="resolved", resolved_at=self._at))
            elif pattern is not None and self._is_gone(pattern):
                over.append(replace(alert, state=GONE, resolved_at=self._at))
        if POOL in spoke:
            self._release_parts()
        return over

    def told(self) -> list[AlertRecord]:
        """Return new alerts: of the whole stream if nothing came, else of each segment."""
        pool = self._patterns.get(POOL)
        silent = [name for name in self._patterns if name != POOL and self._is_silent(name)]
        if pool is not None and not pool.is_told:
            quietest = min((self._patterns[name].quiet_minutes for name in silent), default=None)
            is_stream = quietest is not None and pool.quiet_minutes >= quietest - 1.5
            if is_stream or self._is_silent(POOL):
                return [self._tell(POOL)]
        if pool is not None and pool.is_told:
            return []
        return [self._tell(name) for name in sorted(silent)]

    def _tell(self, name: str) -> AlertRecord:
        pattern = self._patterns[name]
        longest = timedelta(minutes=float(pattern.longest.max()))
        pattern.hold(self._at, is_told=True)
        self.changed.add(name)
        if name == POOL:
            self._hold_parts(pattern)
        silence = Silence(segment=name, since=pattern.arrived_at, at=self._at, longest=longest)
        settings = self._settings
        return silence_alert(silence, stream=settings.stream, detector=settings.detector)

    def _hold_parts(self, pool: ArrivalPattern) -> None:
        for name, part in self._patterns.items():
            if part.held_from is None and part.quiet_minutes > 0:
                part.hold(self._at, is_told=False)
                self.changed.add(name)

    def _release_parts(self) -> None:
        for name, part in self._patterns.items():
            if part.held_from is not None and not part.is_told:
                part.release()
                self.changed.add(name)

    def _is_silent(self, name: str) -> bool:
        pattern = self._patterns[name]
        if pattern.is_told or not is_source(name):
            return False
        allowed = pattern.allowed(self._settings.least_minutes)
        return allowed is not None and pattern.pause > allowed

    def _is_gone(self, pattern: ArrivalPattern) -> bool:
        return pattern.quiet_minutes >= self._settings.gone_after.total_seconds() / 60.0
