"""One pass of the monitor over closed windows, all in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftgauge.storage import (
    DEFAULT_ALPHA,
    POOL,
    POOL_WAIT_WINDOWS,
    AlertRecord,
    SegmentProgress,
)

from ..alert.lifecycle import Change, opened, refreshed, resolved
from .baseline import Baseline
from .design_effect import Counts
from .drift_test import DriftTest
from .learning import Learning, ReadWindows
from .rate import ood_rate
from .segment_state import SegmentState
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
        recovery_windows: quiet ones in a row that resolve an alert.
        learn: how long a segment without reference is learnt.
        tests: that run.
    """

    stream: str
    window_seconds: int
    alpha: float = DEFAULT_ALPHA
    windows_between_false_alarms: float
    idle_seconds: float = 60.0
    grace_seconds: float = 10.0
    recovery_windows: int = 5
    learn: timedelta = timedelta(days=1)
    tests: Sequence[DriftTest] = DEFAULT_TESTS

    def log_threshold(self, n_segments: int) -> float:
        """Return where the statistics of *n_segments* alarm, so that all keep one budget together.

        Alerts of tests without a promise have no share of it.
        """
        n_alerts = len({test.alert for test in self.tests if test.keeps_budget})
        return math.log(self.windows_between_false_alarms * max(n_segments * n_alerts, 1))


@dataclass(frozen=True, slots=True)
class JudgedCounts:
    """What a segment is judged by: one window, or what came late for windows from *start* on."""

    counts: Counts
    start: datetime
    is_late: bool = False


class Turn:
    """Judges windows in order and moves alerts through their lives.

    Args:
        settings: how to judge.
        detector: version whose windows are judged.
        layers: the score columns without the combined one.
        fitted: baselines that the detector's reference shows.
        learning: of the other segments.
        kept: by segment, the state that the turn before wrote.
        live: alerts that are open or acknowledged, by segment and test.
        progress: how far each segment has come.
        read: reads a segment's windows, to say what an alert saw.
        now: the database's time.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        detector: str,
        layers: Sequence[str],
        fitted: Mapping[str, Baseline],
        learning: Learning,
        kept: Mapping[str, Any],
        live: Mapping[tuple[str, str], AlertRecord],
        progress: Sequence[SegmentProgress],
        read: ReadWindows,
        now: datetime,
    ) -> None:
        self._settings = settings
        self._detector = detector
        self._layers = tuple(layers)
        self._baselines = {**learning.baselines(), **fitted}
        self._learning = learning
        self._states: dict[str, SegmentState] = {}
        self._kept = dict(kept)
        self._live = dict(live)
        self._progress = {row.segment: row for row in progress}
        self._read = read
        self._now = now
        self._changed: dict[tuple[str, str, datetime], AlertRecord] = {}

    @property
    def alerts(self) -> list[AlertRecord]:
        """Alerts that this turn opened, raised again or resolved, in that order."""
        return list(self._changed.values())

    def judge_window(self, start: datetime, segments: Mapping[str, Counts]) -> None:
        """Judge one window of every segment, the whole stream last.

        While a part of the stream has an alert, the whole is not tested: the part explains it,
        and one fault is to be told once. A part that has fallen silent explains nothing.
        """
        for segment in _pool_last(segments):
            baseline = self._baselines.get(segment) or self._learn(segment, start)
            if baseline is not None:
                self._judge_segment(segment, baseline, JudgedCounts(segments[segment], start))

    def judge_late(self, late: Mapping[str, tuple[datetime, Counts]]) -> None:
        """Judge what was counted for windows that had been judged, each segment's at once.

        Args:
            late: by segment, the start of the first of these windows, and their counts together.
        """
        for segment in _pool_last(late):
            baseline = self._baselines.get(segment)
            if baseline is not None:  # else it is still learnt, from windows in order
                start, counts = late[segment]
                self._judge_segment(segment, baseline, JudgedCounts(counts, start, is_late=True))

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values for the next turn."""
        judged = {segment: state.dump() for segment, state in self._states.items()}
        return {
            "detector": self._detector,
            "segments": {**self._kept, **judged},
            "learning": self._learning.dump(),
        }

    @property
    def _log_threshold(self) -> float:
        return self._settings.log_threshold(len(self._baselines))

    def _learn(self, segment: str, start: datetime) -> Baseline | None:
        baseline = self._learning.advance(segment, start)
        if baseline is not None:
            self._baselines[segment] = baseline
        return baseline

    def _state(self, segment: str, baseline: Baseline) -> SegmentState:
        if segment not in self._states:
            kept, tests = self._kept.get(segment), self._settings.tests
            self._states[segment] = (
                SegmentState.load(kept, baseline, tests)
                if kept
                else SegmentState.fresh(baseline, tests)
            )
        return self._states[segment]

    def _judge_segment(self, segment: str, baseline: Baseline, judged: JudgedCounts) -> None:
        state = self._state(segment, baseline)
        explained = self._explained(judged.start) if segment == POOL else set()
        for alert in explained:
            state.restart(alert)
        live = {test for name, test in self._live if name == segment}
        window = timedelta(seconds=self._settings.window_seconds)
        weight = state.weigh(self._now, window, is_late=judged.is_late)
        statistics = state.add(
            judged.counts,
            judged.start,
            live=live,
            leave_out=explained,
            weight=weight,
            seed=int(self._now.timestamp()) if judged.is_late else None,
        )
        state.nearness = _nearness(statistics.values(), self._log_threshold)
        for alert, statistic in statistics.items():
            if statistic >= self._log_threshold:
                self._raise(segment, alert, baseline, judged, state.since(alert))
                state.restart(alert)
            elif alert in live and weight:
                self._calm(segment, alert, state, statistic)

    def _explained(self, start: datetime) -> set[str]:
        """Return the alerts that a part of the stream has and the whole has not."""
        parts = {test for name, test in self._live if name != POOL and self._speaks(name, start)}
        return {test for test in parts if (POOL, test) not in self._live}

    def _speaks(self, segment: str, start: datetime) -> bool:
        """Return whether a segment sends images, now or around the window at *start*."""
        row = self._progress.get(segment)
        if row is None:
            return False
        window = timedelta(seconds=self._settings.window_seconds)
        idle = timedelta(seconds=self._settings.idle_seconds)
        is_near = row.event_time_max >= start - POOL_WAIT_WINDOWS * window
        return is_near or self._now - row.counted_at < idle + window

    def _calm(self, segment: str, alert: str, state: SegmentState, statistic: float) -> None:
        """Count quiet windows in a row; enough of them resolve the alert."""
        is_quiet = statistic < self._log_threshold / 2
        state.quiet[alert] = state.quiet.get(alert, 0) + 1 if is_quiet else 0
        if state.quiet[alert] >= self._settings.recovery_windows:
            self._keep(resolved(self._live.pop((segment, alert)), at=self._now))
            state.restart(alert)

    def _raise(
        self, segment: str, alert: str, baseline: Baseline, judged: JudgedCounts, since: datetime
    ) -> None:
        live = self._live.get((segment, alert))
        counts = self._counts_since(segment, judged, since)
        change = Change(
            segment=segment,
            since=live.since if live else min(since, judged.start),
            window_start=judged.start,
            counts=counts,
            window=judged.counts,
            reference=baseline.reference,
            design_effects=baseline.design_effects,
            rate_now=ood_rate(counts[-1], self._settings.alpha),
            rate_normal=baseline.rate(self._settings.alpha),
        )
        told = opened(
            change,
            stream=self._settings.stream,
            detector=self._detector,
            test=alert,
            layers=self._layers,
            now=self._now,
        )
        self._live[segment, alert] = refreshed(live, told) if live else told
        self._keep(self._live[segment, alert])

    def _counts_since(self, segment: str, judged: JudgedCounts, since: datetime) -> Counts:
        """Return what an alert saw: all windows since, or what came late, whose time is another."""
        if judged.is_late or since > judged.start:
            return judged.counts
        windows = self._read(segment, since, judged.start + timedelta(microseconds=1))
        total: Counts = windows.sum(axis=0)
        return total

    def _keep(self, alert: AlertRecord) -> None:
        self._changed[alert.segment, alert.test, alert.window_start] = alert


def _nearness(log_statistics: Iterable[float], log_threshold: float) -> float:
    """Return the strongest evidence against what an alert takes, 0 to 1, both as logarithms."""
    return min(1.0, max([0.0, *log_statistics]) / log_threshold) if log_threshold > 0 else 0.0


def _pool_last(segments: Iterable[str]) -> list[str]:
    return sorted(segments, key=lambda name: name == POOL)
