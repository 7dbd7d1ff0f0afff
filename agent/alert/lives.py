"""Which alerts live, which have just ended, and when one ends or is opened again. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from driftgauge.storage import AlertRecord

from .lifecycle import changed_again, refreshed, reopened, resolved

Key = tuple[str, str]
"""A segment and a test; they have one live alert at most."""

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """What keeps an alert from flapping.

    A change within the cool-down continues the alert that ended, and each time the quiet that ends
    it doubles, up to the cool-down. So an alert ends at most a few times (the logarithm of
    *cool_down* over the first quiet), and a new one opens at the earliest a cool-down after the last
    raised its voice.

    Attributes:
        recovery_windows: quiet ones in a row that end an alert the first time.
        cool_down: of event time.
        window: a window's length.
    """

    recovery_windows: int
    cool_down: timedelta
    window: timedelta

    def quiet_needed(self, alert: AlertRecord) -> int:
        """Return how many quiet windows in a row end *alert*."""
        longest = max(self.recovery_windows, -(-self.cool_down // self.window))
        return int(min(self.recovery_windows * 2**alert.reopened, longest))

    def continues(self, ended: AlertRecord, again: AlertRecord) -> bool:
        """Return whether *again* is the change that *ended* told, of the same detector."""
        is_soon = again.window_start - ended.refreshed_at <= self.cool_down
        return is_soon and again.detector == ended.detectors[-1]


class Lives:
    """The alerts of one stream while windows are judged in order.

    Args:
        hysteresis: what keeps them from flapping.
        live: alerts that are open or acknowledged.
        ended: alerts that the monitor ended; the last of a segment and test may be opened again.
    """

    def __init__(
        self,
        hysteresis: Hysteresis,
        live: Iterable[AlertRecord],
        ended: Iterable[AlertRecord] = (),
    ) -> None:
        self._hysteresis = hysteresis
        self._live = {_key(alert): alert for alert in live}
        self._tests: defaultdict[str, set[str]] = defaultdict(set)
        for segment, test in self._live:
            self._tests[segment].add(test)
        self._ended = {_key(alert): alert for alert in ended}
        self._changed: dict[tuple[str, str, datetime], AlertRecord] = {}
        self._reopened: set[int | None] = set()

    @property
    def live(self) -> Mapping[Key, AlertRecord]:
        """The alerts that live, by segment and test."""
        return self._live

    def tests_of(self, segment: str) -> Set[str]:
        """Return the tests of which *segment* has a live alert."""
        return self._tests.get(segment, _NONE)

    @property
    def changed(self) -> list[AlertRecord]:
        """Alerts that were opened, raised again or ended, in that order; each as it is now."""
        return list(self._changed.values())

    @property
    def reopened(self) -> Collection[int | None]:
        """Numbers of the alerts that were opened again."""
        return self._reopened

    def alarm(self, told: AlertRecord) -> None:
        """Open an alert, or raise the one that lives, or open the one that has just ended again."""
        key = _key(told)
        live, ended = self._live.get(key), self._ended.pop(key, None)
        if live is not None:
            told = refreshed(live, told)
        elif ended is not None and self._hysteresis.continues(ended, told):
            told = reopened(ended, told)
            self._reopened.add(told.id)
        self._live[key] = told
        self._tests[told.segment].add(told.test)
        self._keep(told)

    def alarm_again(self, told: AlertRecord) -> None:
        """Raise the alert that lives with what is new: a change inside the change."""
        key = _key(told)
        self._live[key] = changed_again(self._live[key], told)
        self._keep(self._live[key])

    def retell(self, words: Callable[[AlertRecord], str]) -> None:
        """Say the live alerts that were raised in other *words*: what is known only when all are judged."""
        for place, alert in self._changed.items():
            live = self._live.get(_key(alert))
            if live is not None and live.window_start == alert.window_start:
                self._changed[place] = self._live[_key(alert)] = replace(live, message=words(live))

    def calm(self, segment: str, test: str, *, quiet: int, at: datetime) -> bool:
        """Return whether *quiet* windows in a row end the alert, which they then do."""
        live = self._live[segment, test]
        if quiet < self._hysteresis.quiet_needed(live):
            return False
        del self._live[segment, test]
        self._tests[segment].discard(test)
        self._ended[segment, test] = resolved(live, at=at)
        self._keep(self._ended[segment, test])
        return True

    def _keep(self, alert: AlertRecord) -> None:
        self._changed[alert.segment, alert.test, alert.window_start] = alert


def _key(alert: AlertRecord) -> Key:
    return alert.segment, alert.test
