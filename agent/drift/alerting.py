"""From the statistics of judged windows to what changes in alerts: raise, raise again, resolve."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from driftgauge.storage import POOL, POOL_WAIT_WINDOWS, AlertRecord, SegmentProgress

from ..alert.fault_claim import FaultClaim
from ..alert.label_alert import LABEL_SHIFT, LabelChange
from ..alert.lifecycle import Change, opened, opened_labels
from ..alert.lives import Lives
from .alert_look import AlertLook, log_ratio
from .baseline import Baseline
from .design_effect import Counts
from .monitor_settings import MonitorSettings
from .onset import look_back
from .rate import ood_rate
from .segment_states import LogStatistics, SegmentStates

NameFault = Callable[[str, datetime, datetime], FaultClaim]
"""Segment, from, until (excluded) to what its pictures look like."""

NAMED_WINDOWS = 8
"""A fault is named anew in so many windows after it began; from then on its name stays."""

ReadDated = Callable[[str, datetime, datetime], tuple[Sequence[datetime], Counts]]
"""Segment, from, until (excluded) to starts and counts ``(windows, columns, bins)``, in order of time."""


@dataclass(frozen=True, slots=True)
class JudgedCounts:
    """What a segment is judged by: one window, or what came late for windows from *start* on."""

    counts: Counts
    start: datetime
    is_late: bool = False


class Alerting:
    """The alerts of one stream during a turn.

    Args:
        settings: how to judge.
        detector: version whose windows are judged.
        layers: the score columns without the combined one.
        classes: that the model predicts, in the order of their bins.
        states: evidence of the segments.
        lives: the stream's alerts that live, and those that have just ended.
        progress: how far each segment has come.
        read: reads a segment's windows with their starts, to say what an alert saw.
        now: the database's time.
        name: names the fault of a change; None names none.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        detector: str,
        layers: Sequence[str],
        classes: Sequence[str],
        states: SegmentStates,
        lives: Lives,
        progress: Sequence[SegmentProgress],
        read: ReadDated,
        now: datetime,
        name: NameFault | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._detector = detector
        self._layers = tuple(layers)
        self._classes = tuple(classes)
        self._states = states
        self._lives = lives
        self._progress = {row.segment: row for row in progress}
        self._read = read
        self._now = now

    def live_tests(self, segment: str) -> Set[str]:
        """Return the tests of which the segment has a live alert; as it is now."""
        return self._lives.tests_of(segment)

    def explained(self, segment: str, start: datetime) -> set[str]:
        """Return the alerts that are not tested for at *start*: a part has them and the whole has not.

        While a part of the stream has an alert, the whole is not tested: the part explains it, and
        one fault is to be told once. Images that changed in a part explain other predictions of the
        whole, not the other way round. A part that has fallen silent explains nothing.
        """
        if segment != POOL:
            return set()
        live = self._lives.live
        parts = {test for name, test in live if name != POOL and self._speaks(name, start)}
        if parts - {LABEL_SHIFT}:
            parts.add(LABEL_SHIFT)
        return {test for test in parts if (POOL, test) not in live}

    def is_troubled(self, segment: str, start: datetime) -> bool:
        """Return whether an alert lives that says something of the segment: its own, or of the whole or a part."""
        return bool(
            self.live_tests(POOL) or self.live_tests(segment) or self.explained(segment, start)
        )

    def take(
        self,
        segment: str,
        baseline: Baseline,
        judged: JudgedCounts,
        statistics: LogStatistics,
        *,
        weight: int,
        log_thresholds: Mapping[str, float],
    ) -> None:
        """Move the segment's alerts by the statistics of what was judged; each has its own threshold."""
        live, looks = set(self.live_tests(segment)), self._states.memory(segment).looks
        for alert in looks.keys() - live if looks else ():
            del looks[alert]
        for alert, statistic in statistics.items():
            is_back, log_threshold = False, log_thresholds[alert]
            if alert in live and (weight or not judged.is_late):
                is_back = self._look(segment, alert, baseline, judged, log_threshold=log_threshold)
            if statistic >= log_threshold:
                change = self._change(segment, alert, baseline, judged)
                change = replace(
                    change,
                    log_e_value=self._e_value(alert, baseline, statistic),
                    is_promised=self._is_promised(alert, baseline, log_threshold),
                    is_gross=self._keeps_budget(alert) and math.isinf(statistic),
                )
                self._lives.alarm(self._told(alert, change))
                self._states.restart(segment, alert)
                looks.setdefault(alert, AlertLook.of(self._looked_at(alert, change)))
            elif alert in live and weight:
                self._calm(segment, alert, is_quiet=is_back and statistic < log_threshold / 2)

    def _look(
        self,
        segment: str,
        alert: str,
        baseline: Baseline,
        judged: JudgedCounts,
        *,
        log_threshold: float,
    ) -> bool:
        """Compare a window with the alert's look; return whether the last ones are as the baseline.

        Where the look is left for something else than the baseline, the alert is raised again, and
        looks like that from now on. When the baseline is back, the evidence begins anew: it may have
        crept upward for long.
        """
        looks, own = self._states.memory(segment).looks, self._own(alert, baseline)
        columns, effects = self._columns_of(alert, baseline), own.design_effects
        window = judged.counts[columns]
        before = looks.get(alert) or AlertLook.of(window)
        look = before.seen(window, judged.start, own.nearest(window), effects)
        if look.log_news >= log_threshold:
            end = judged.start + timedelta(microseconds=1)
            windows = self._read(segment, look.new_since, end)[1]
            counts: Counts = windows.sum(axis=0) if len(windows) else judged.counts
            seen = counts[columns]
            if log_ratio(seen, own.nearest(seen), look.counts, effects) <= 0.0:
                change = self._change_of(segment, baseline, judged, look.new_since, counts)
                is_promised = self._is_promised(alert, baseline, log_threshold)
                change = replace(change, is_promised=is_promised)
                self._lives.alarm_again(self._told(alert, change))
            look = replace(AlertLook.of(seen), back=look.back)
        if look.is_back and not before.is_back:
            self._states.restart(segment, alert)
        looks[alert] = look
        return look.is_back

    def _speaks(self, segment: str, start: datetime) -> bool:
        """Return whether a segment sends images, now or around the window at *start*."""
        row = self._progress.get(segment)
        if row is None:
            return False
        window, idle = self._settings.window, timedelta(seconds=self._settings.idle_seconds)
        is_near = row.event_time_max >= start - POOL_WAIT_WINDOWS * window
        return is_near or self._now - row.counted_at < idle + window

    def _calm(self, segment: str, alert: str, *, is_quiet: bool) -> None:
        """Count quiet windows in a row; enough of them resolve the alert."""
        quiet = self._states.memory(segment).quiet
        quiet[alert] = quiet.get(alert, 0) + 1 if is_quiet else 0
        if self._lives.calm(segment, alert, quiet=quiet[alert], at=self._now):
            self._states.restart(segment, alert)

    def _keeps_budget(self, alert: str) -> bool:
        """Return whether the statistic of *alert* is an e-value, for which a rate may be promised."""
        return all(
            test.keeps_budget
            for test in self._settings.tests
            if test.alert == alert and not test.is_unpromised
        )

    def _is_promised(self, alert: str, baseline: Baseline, log_threshold: float) -> bool:
        """Return whether nothing need be said: the rate is promised, or *alert* never has one."""
        return not self._keeps_budget(alert) or baseline.keeps(log_threshold)

    def _e_value(self, alert: str, baseline: Baseline, statistic: float) -> float | None:
        """Return the logarithm of the evidence as far as a rate is promised for it, None where none is.

        A reference promises no more than the largest budget that it keeps, however much evidence there is.
        """
        if not self._keeps_budget(alert) or math.isinf(statistic):
            return None
        if self._is_of_labels(alert):
            return None if baseline.is_provisional else statistic
        promised = baseline.promised_log_budget
        return min(statistic, promised) if promised > 0.0 else None

    def _change(self, segment: str, alert: str, baseline: Baseline, judged: JudgedCounts) -> Change:
        live = self._lives.live.get((segment, alert))
        since, counts = self._seen(segment, alert, baseline, judged)
        since = live.since if live else since
        return self._change_of(segment, baseline, judged, since, counts)

    def _change_of(
        self,
        segment: str,
        baseline: Baseline,
        judged: JudgedCounts,
        since: datetime,
        counts: Counts,
    ) -> Change:
        n_labels, scores = baseline.n_labels, baseline.scores
        return Change(
            segment=segment,
            since=since,
            window_start=judged.start,
            counts=counts[n_labels:],
            window=judged.counts[n_labels:],
            reference=scores.nearest(counts[n_labels:]),
            design_effects=scores.design_effects,
            rate_now=ood_rate(counts[-1], self._settings.alpha),
            rate_normal=baseline.rate(self._settings.alpha),
            labels=self._label_change(baseline, counts[:n_labels]),
        )

    def _label_change(self, baseline: Baseline, seen: Counts) -> LabelChange | None:
        if not baseline.n_labels:
            return None
        labels = baseline.labels
        return LabelChange(
            classes=self._classes,
            counts=seen,
            reference=labels.nearest(seen),
            design_effects=labels.design_effects,
        )

    def _is_of_labels(self, alert: str) -> bool:
        return alert in self._settings.label_alerts

    def _own(self, alert: str, baseline: Baseline) -> Baseline:
        """Return what the baseline says of what the alert is about."""
        return baseline.labels if self._is_of_labels(alert) else baseline.scores

    def _columns_of(self, alert: str, baseline: Baseline) -> slice:
        """Return which columns of the counts an alert is about."""
        n_labels = baseline.n_labels
        return slice(0, n_labels) if self._is_of_labels(alert) else slice(n_labels, None)

    def _looked_at(self, alert: str, change: Change) -> Counts:
        labels = change.labels if self._is_of_labels(alert) else None
        return change.counts if labels is None else labels.counts

    def _told(self, alert: str, change: Change) -> AlertRecord:
        if self._is_of_labels(alert) and change.labels is not None:
            return opened_labels(
                change,
                change.labels,
                stream=self._settings.stream,
                detector=self._detector,
                severity=self._settings.label_severity,
                now=self._now,
            )
        return opened(
            change,
            stream=self._settings.stream,
            detector=self._detector,
            test=alert,
            layers=self._layers,
            now=self._now,
            claim=self._claim(alert, change),
        )

    def _claim(self, alert: str, change: Change) -> FaultClaim | None:
        """Return which fault the change looks like; an alert that has lived for long keeps its name."""
        if self._name is None:
            return None
        live = self._lives.live.get((change.segment, alert))
        until = change.window_start + self._settings.window
        is_old = until - change.since > NAMED_WINDOWS * self._settings.window
        if live is not None and live.looks_like and is_old:
            return FaultClaim.kept(live)
        return self._name(change.segment, change.since, until)

    def _seen(
        self, segment: str, alert: str, baseline: Baseline, judged: JudgedCounts
    ) -> tuple[datetime, Counts]:
        """Return when the change began, and what was counted since; of what came late, that alone.

        The evidence says from when on to look: it creeps, and so begins too early rather than too late.
        """
        evident = self._states.since(segment, alert)
        if judged.is_late or evident > judged.start:
            return min(evident, judged.start), judged.counts
        window, end = self._settings.window, judged.start + timedelta(microseconds=1)

        def read(n_windows: int) -> tuple[Sequence[datetime], Counts]:
            return self._read(segment, judged.start - (n_windows - 1) * window, end)

        n_evident, columns = (
            (judged.start - evident) // window + 1,
            self._columns_of(alert, baseline),
        )
        return look_back(read, baseline.components, n_evident, columns)
