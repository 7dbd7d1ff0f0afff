"""How the monitor judges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from driftgauge.storage import DEFAULT_ALPHA

from ..alert.lives import Hysteresis
from .drift_test import DriftTest
from .tests.catalogue import DEFAULT_TESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """How to judge.

    Attributes:
        stream: its name.
        window_seconds: of event time.
        alpha: p-values at most this count as out of distribution.
        windows_between_false_alarms: the budget, on average over all segments together.
        idle_seconds: a segment silent for so long, by the database's clock, is not waited for.
        grace_seconds: of event time, waited for late events.
        recovery_windows: quiet ones in a row that resolve an alert; twice as many each time that it
            was opened again.
        cool_down: of event time; a change so soon after an alert was last raised continues it.
        incident_windows: changes that begin so near to each other are one incident.
        learn: how long a segment without reference is learnt.
        forget: a segment that brought nothing for so long is let go.
        tests: that run.
    """

    stream: str
    window_seconds: int
    alpha: float = DEFAULT_ALPHA
    windows_between_false_alarms: float
    idle_seconds: float = 60.0
    grace_seconds: float = 10.0
    recovery_windows: int = 5
    cool_down: timedelta = timedelta(hours=1)
    incident_windows: int = 5
    learn: timedelta = timedelta(days=1)
    forget: timedelta = timedelta(days=30)
    tests: Sequence[DriftTest] = DEFAULT_TESTS

    @property
    def window(self) -> timedelta:
        """A window's length."""
        return timedelta(seconds=self.window_seconds)

    @property
    def hysteresis(self) -> Hysteresis:
        """What keeps an alert from flapping."""
        return Hysteresis(self.recovery_windows, self.cool_down, self.window)

    def log_threshold(self, n_segments: int) -> float:
        """Return where the statistics of *n_segments* alarm, so that all keep one budget together.

        Alerts of tests without a promise have no share of it.
        """
        n_alerts = len({test.alert for test in self.tests if test.keeps_budget})
        return math.log(self.windows_between_false_alarms * max(n_segments * n_alerts, 1))
