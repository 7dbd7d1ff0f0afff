"""One pass of the monitor over closed windows, all in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftgauge.storage import DEFAULT_ALPHA, AlertRecord

from ..alert.lifecycle import Change, opened, refreshed, resolved
from .betting import Counts
from .learning import Learning, ReadWindows
from .normal import Normal, ood_rate
from .segment_state import SegmentState

POOL = "*"
TEST = "betting"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """How to judge.

    Attributes:
        stream: its name.
        window_seconds: of event time.
        alpha: p-values at most this count as out of distribution.
        windows_between_false_alarms: the budget, on average over all segments together.
        idle_seconds: a partition silent for so long is not waited for.
        grace_seconds: of event time, waited for late events.
        recovery_windows: quiet ones in a row that resolve an alert.
        learn: how long a segment without reference is learnt.
    """

    stream: str
    window_seconds: int
    alpha: float = DEFAULT_ALPHA
    windows_between_false_alarms: float
    idle_seconds: float = 60.0
    grace_seconds: float = 10.0
    recovery_windows: int = 5
    learn: timedelta = timedelta(days=1)


class Turn:
    """Bets on windows in order and moves alerts through their lives.

    Args:
        settings: how to judge.
        detector: version whose windows are judged.
        layers: the score columns without the combined one.
        fitted: normals that the detector's reference shows.
        learning: of the other segments.
        memories: evidence kept by the turn before.
        live: alerts that are open or acknowledged, by segment.
        read: reads a segment's windows, to say what an alert saw.
        now: wall clock.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        detector: str,
        layers: Sequence[str],
        fitted: Mapping[str, Normal],
        learning: Learning,
        memories: dict[str, SegmentState],
        live: Mapping[str, AlertRecord],
        read: ReadWindows,
        now: datetime,
    ) -> None:
        self._settings = settings
        self._detector = detector
        self._layers = tuple(layers)
        self._normals = {**learning.normals(), **fitted}
        self._learning = learning
        self._memories = memories
        self._live = dict(live)
        self._read = read
        self._now = now
        self._changed: dict[tuple[str, datetime], AlertRecord] = {}

    @property
    def alerts(self) -> list[AlertRecord]:
        """Alerts that this turn opened, raised again or resolved, in that order."""
        return list(self._changed.values())

    def judge_window(self, start: datetime, segments: Mapping[str, Counts]) -> None:
        """Judge one window of every segment, the pool last.

        While a part of the stream has an alert, the whole is not tested: the part explains it,
        and one fault is to be told once.
        """
        for segment in sorted(segments, key=lambda name: name == POOL):
            normal = self._normals.get(segment) or self._learn(segment, start)
            if normal is None:
                continue
            if segment == POOL and self._live and POOL not in self._live:
                if POOL in self._memories:
                    self._memories[POOL] = self._memories[POOL].renewed()
                continue
            self._judge_segment(segment, normal, segments[segment], start)

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values for the next turn."""
        return {
            "detector": self._detector,
            "segments": {segment: memory.dump() for segment, memory in self._memories.items()},
            "learning": self._learning.dump(),
        }

    @property
    def _log_threshold(self) -> float:
        return math.log(self._settings.windows_between_false_alarms * max(len(self._normals), 1))

    def _learn(self, segment: str, start: datetime) -> Normal | None:
        normal = self._learning.advance(segment, start)
        if normal is not None:
            self._normals[segment] = normal
        return normal

    def _judge_segment(self, segment: str, normal: Normal, counts: Counts, start: datetime) -> None:
        memory = self._memories.get(segment)
        if memory is None or not memory.fits(normal):
            memory = SegmentState.fresh(normal)
        self._memories[segment] = memory
        statistic = memory.add(normal, counts, start, is_quiet=segment not in self._live)
        if statistic >= self._log_threshold:
            self._raise(segment, normal, memory.since, start)
            self._memories[segment] = memory.renewed()
        elif segment in self._live:
            memory.quiet = memory.quiet + 1 if statistic < self._log_threshold / 2 else 0
            if memory.quiet >= self._settings.recovery_windows:
                self._keep(resolved(self._live.pop(segment), at=self._now))
                self._memories[segment] = memory.renewed()

    def _raise(self, segment: str, normal: Normal, since: datetime, start: datetime) -> None:
        live = self._live.get(segment)
        windows = self._read(segment, since, start + timedelta(microseconds=1))
        counts = windows.sum(axis=0)
        change = Change(
            segment=segment,
            since=live.since if live else since,
            window_start=start,
            counts=counts,
            window=windows[-1],
            reference=normal.reference,
            design_effects=normal.design_effects(),
            rate_now=ood_rate(counts[-1], self._settings.alpha),
            rate_normal=normal.rate(self._settings.alpha),
        )
        alert = opened(
            change,
            stream=self._settings.stream,
            detector=self._detector,
            test=TEST,
            layers=self._layers,
            now=self._now,
        )
        self._live[segment] = refreshed(live, alert) if live else alert
        self._keep(self._live[segment])

    def _keep(self, alert: AlertRecord) -> None:
        self._changed[alert.segment, alert.window_start] = alert
