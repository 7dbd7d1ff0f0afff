"""One pass of the monitor over closed windows, all in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from driftgauge.storage import POOL

from .alerting import Alerting, JudgedCounts
from .design_effect import Counts
from .monitor_memory import MonitorMemory
from .monitor_settings import MonitorSettings
from .pool_rule import is_worth_testing
from .segment_states import LogStatistics, SegmentWindow
from .unpromised import with_unpromised


class Turn:
    """Judges windows in order, all segments of a window at once.

    Args:
        settings: how to judge.
        memory: baselines and evidence of the segments; it is changed.
        alerting: told of what was found.
        now: the database's time.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        memory: MonitorMemory,
        alerting: Alerting,
        now: datetime,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._baselines = memory.baselines
        self._states = memory.states
        self._alerting = alerting
        self._now = now

    def judge_window(self, start: datetime, segments: Mapping[str, Counts]) -> None:
        """Judge one window of every segment: all parts at once, then the whole stream."""
        for names in _parts_then_pool(segments):
            self._learn(names, start)
            if names == [POOL] and self._is_left_out(segments):
                continue
            self._judge({name: JudgedCounts(segments[name], start) for name in names})

    def judge_late(self, late: Mapping[str, tuple[datetime, Counts]]) -> None:
        """Judge what was counted for windows that had been judged, each segment's at once.

        Args:
            late: by segment, the start of the first of these windows, and their counts together.
        """
        for names in _parts_then_pool(late):
            judged = {}
            for name in names:
                start, counts = late[name]
                judged[name] = JudgedCounts(counts, start, is_late=True)
            self._judge(judged)

    def _learn(self, segments: Sequence[str], start: datetime) -> None:
        known = self._baselines
        learnt_on = [name for name in segments if name not in known or known[name].is_provisional]
        for name, baseline in self._memory.learning.advance(learnt_on, start).items():
            self._memory.take_learnt(name, baseline)

    def _is_left_out(self, segments: Mapping[str, Counts]) -> bool:
        """Return whether the whole stream is not tested in this window, and let it forget then."""
        tested = {name for name, baseline in self._baselines.items() if not baseline.is_provisional}
        if self._alerting.live_tests(POOL) or is_worth_testing(segments, tested):
            return False
        if POOL in self._states:
            self._states.forget(POOL)
        return True

    def _judge(self, judged: Mapping[str, JudgedCounts]) -> None:
        """Judge segments side by side; one that is still learnt is left out."""
        tested = {name: each for name, each in judged.items() if name in self._baselines}
        windows = [self._window(name, each) for name, each in tested.items()]
        found = self._states.judge(windows)
        tests = self._settings.tests
        log_thresholds = {
            alert: self._settings.log_threshold(len(self._baselines), alert)
            for alert in {test.alert for test in tests}
        }
        for window in windows:
            name = window.segment
            statistics = with_unpromised(found[name], tests, self._baselines[name], log_thresholds)
            memory = self._states.memory(name)
            memory.nearness = _nearness(statistics, log_thresholds)
            self._alerting.take(
                name,
                self._baselines[name],
                tested[name],
                statistics,
                weight=window.weight,
                log_thresholds=log_thresholds,
            )
            if self._alerting.is_troubled(name, window.start):
                memory.note_trouble(window.start)
                if self._baselines[name].is_provisional and self._alerting.live_tests(name):
                    self._memory.learning.begin(name, window.start + self._settings.window)

    def _window(self, segment: str, judged: JudgedCounts) -> SegmentWindow:
        if segment not in self._states:
            baseline, kept = self._baselines[segment], self._memory.kept.get(segment)
            self._states.enter(segment, baseline, kept)
        if not judged.is_late:
            self._memory.grow(segment, judged.start)
        explained = self._alerting.explained(segment, judged.start)
        for alert in explained:
            self._states.restart(segment, alert)
        memory = self._states.memory(segment)
        weight = memory.weigh(self._now, self._settings.window, is_late=judged.is_late)
        return SegmentWindow(
            segment=segment,
            counts=judged.counts,
            start=judged.start,
            live=frozenset(self._alerting.live_tests(segment)),
            leave_out=explained,
            weight=weight,
            seed=int(self._now.timestamp()) if judged.is_late else None,
        )


def _nearness(statistics: LogStatistics, log_thresholds: Mapping[str, float]) -> float:
    """Return the strongest evidence against what its alert takes, 0 to 1, both as logarithms."""
    shares = [
        statistic / log_thresholds[alert]
        for alert, statistic in statistics.items()
        if log_thresholds[alert] > 0
    ]
    return min(1.0, max([0.0, *shares]))


def _parts_then_pool(segments: Iterable[str]) -> list[list[str]]:
    parts = sorted(name for name in segments if name != POOL)
    return [names for names in (parts, [POOL] if POOL in segments else []) if names]
