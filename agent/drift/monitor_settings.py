"""How the monitor judges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from driftgauge.storage import DEFAULT_ALPHA

from ..alert.lives import Hysteresis
from ..errors import SettingsError
from ..settings.sections import MonitorSection
from .drift_test import DriftTest
from .siblings import Sites
from .tests.catalogue import DEFAULT_TESTS, choose_tests

LABEL_SHARE = 0.2
"""Of the false-alarm budget, for alerts on predictions: they are told as information, and seldom urgent."""


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
        grow: whether quiet traffic joins the baselines.
        grow_after: how long it waits before.
        grow_share: of a component's anchor that joins in a day, at most.
        forget: a segment that brought nothing for so long is let go.
        tests: that run.
        tested_within: a segment is called tested if a total failure is told within so much of its
            traffic.
        label_severity: of an alert on the predicted classes.
        sites: that segments are of.
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
    grow: bool = True
    grow_after: timedelta = timedelta(days=1)
    grow_share: float = 0.25
    forget: timedelta = timedelta(days=30)
    tests: Sequence[DriftTest] = DEFAULT_TESTS
    tested_within: timedelta = timedelta(hours=1)
    label_severity: str = "info"
    sites: Sites = field(default_factory=Sites)

    @classmethod
    def of(
        cls,
        monitor: MonitorSection,
        *,
        stream: str,
        window_seconds: int,
        alpha: float,
        classes: Sequence[str] = (),
    ) -> MonitorSettings:
        """Return how windows of *stream* are judged, whose length and alpha are those given.

        Args:
            monitor: the settings.
            stream: its name.
            window_seconds: of its windows.
            alpha: what is out of distribution there.
            classes: of the detector's reference; without any, predictions are not judged, and take no
                share of the budget.

        Raises:
            SettingsError: there is no test with one of the names, or they judge predictions alone and
                there are none.
        """
        tests = tuple(
            test for test in choose_tests(monitor.tests) if classes or not test.reads_labels
        )
        if not tests:
            raise SettingsError(
                f"[monitor] tests = {list(monitor.tests)} judges predictions alone, and the "
                "detector's reference has none: the model has no classification head, or the "
                "detector was fitted before predictions were counted",
                hint="add windows, betting and coarse, or fit a detector of a classifier",
            )
        return cls(
            stream=stream,
            window_seconds=window_seconds,
            alpha=alpha,
            windows_between_false_alarms=monitor.false_alarms.seconds_between / window_seconds,
            idle_seconds=monitor.idle_seconds,
            grace_seconds=monitor.grace_seconds,
            recovery_windows=monitor.recovery_windows,
            cool_down=monitor.cool_down,
            incident_windows=monitor.incident_windows,
            learn=monitor.learn,
            grow=monitor.grow,
            grow_after=monitor.grow_after,
            grow_share=monitor.grow_share,
            forget=monitor.forget,
            tests=tests,
            label_severity=monitor.label_severity,
            sites=Sites(monitor.site),
            tested_within=monitor.tested_within,
        )

    @property
    def window(self) -> timedelta:
        """A window's length."""
        return timedelta(seconds=self.window_seconds)

    @property
    def hysteresis(self) -> Hysteresis:
        """What keeps an alert from flapping."""
        return Hysteresis(self.recovery_windows, self.cool_down, self.window)

    @property
    def label_alerts(self) -> frozenset[str]:
        """Alerts of tests that read predictions."""
        return frozenset(test.alert for test in self.tests if test.reads_labels)

    def log_threshold(self, n_segments: int, alert: str = "") -> float:
        """Return where the statistics of *n_segments* alarm, so that all keep one budget together.

        Alerts on predictions have `LABEL_SHARE` of it where the images are tested as well, and those on
        images the rest; alerts of tests without a promise have no share.

        Args:
            n_segments: that are tested.
            alert: its name; by default one on images.
        """
        promised = {test.alert for test in self.tests if test.keeps_budget}
        of_labels = promised & self.label_alerts
        is_shared = bool(of_labels) and promised != of_labels
        share = LABEL_SHARE if alert in of_labels else 1.0 - LABEL_SHARE
        windows = self.windows_between_false_alarms * max(n_segments, 1)
        return math.log(windows / (share if is_shared else 1.0))
