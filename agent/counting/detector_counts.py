"""What one detector version counts between two flushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from driftgauge.storage import WindowRecord

from ..events.event import Event
from ..ports import Scored
from .evidence import EvidenceKeeper, EvidenceSettings
from .predicted_classes import LabelCounts
from .statistics import ScoreStatistics
from .tap_keeper import KeepSettings, TapKeeper
from .windows import WindowCounts


class DetectorCounts:
    """Windows, evidence, statistics and kept taps of one version. The loop's thread owns it.

    Args:
        columns: the score columns' names: the layers, then ``*``.
        keep: which taps to keep to learn from; None for none.
        classes: of the detector's reference, which are counted; empty counts none.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        evidence: EvidenceSettings,
        window_seconds: int,
        alpha: float,
        keep: KeepSettings | None,
        classes: Sequence[str] = (),
    ) -> None:
        self.windows = WindowCounts(columns, window_seconds=window_seconds, alpha=alpha)
        self.labels = LabelCounts(classes, window_seconds=window_seconds)
        self.evidence = EvidenceKeeper(columns, evidence, window_seconds=window_seconds)
        self.statistics = ScoreStatistics(columns)
        self.taps = None if keep is None else TapKeeper(keep)

    def add(
        self,
        events: Sequence[Event],
        segments: Sequence[Sequence[str]],
        classes: Sequence[str | None],
        scored: Scored,
    ) -> None:
        """Count a batch under the names in *segments*; *classes* are those predicted."""
        self.windows.add(events, segments, scored)
        self.labels.add(events, segments, classes, scored.confidences)
        self.evidence.offer(events, segments, scored)
        self.statistics.update(scored.scores)
        if self.taps is not None:
            self.taps.offer(events, segments, scored)

    def add_shadow(
        self,
        events: Sequence[Event],
        segments: Sequence[Sequence[str]],
        classes: Sequence[str | None],
        scored: Scored,
    ) -> None:
        """Count what a shadow gave for a batch: its windows alone."""
        if scored.shadow is None:
            return
        own = replace(scored, scores=scored.shadow.scores, p_values=scored.shadow.p_values)
        self.windows.add(events, segments, own)
        self.labels.add(events, segments, classes, scored.confidences)

    def records(self) -> list[WindowRecord]:
        """Return the counts of each window."""
        return [*self.windows.records(), *self.labels.records()]

    def mark_flushed(self) -> None:
        """The last record is in the database: start from zero."""
        self.windows.clear()
        self.labels.clear()
        self.evidence.mark_flushed()
        if self.taps is not None:
            self.taps.mark_flushed()

    def drop(self) -> None:
        """Forget what is not in the database."""
        self.windows.clear()
        self.labels.clear()
        self.evidence.drop()
        if self.taps is not None:
            self.taps.drop()
