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
from .window_rows import WindowRows
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
        alpha: float,
        keep: KeepSettings | None,
        classes: Sequence[str] = (),
    ) -> None:
        self.windows = WindowCounts(columns, alpha=alpha)
        self.labels = LabelCounts(classes)
        self.evidence = EvidenceKeeper(columns, evidence)
        self.statistics = ScoreStatistics(columns)
        self.taps = None if keep is None else TapKeeper(keep)

    def add(
        self,
        events: Sequence[Event],
        segments: Sequence[Sequence[str]],
        rows: WindowRows,
        classes: Sequence[str | None],
        scored: Scored,
    ) -> None:
        """Count a batch.

        Args:
            events: of the batch.
            segments: the names that each counts under.
            rows: those that each segment's window holds, by these names.
            classes: that were predicted, None where that is not known.
            scored: the batch.
        """
        self.windows.add(events, rows, scored)
        self.labels.add(rows, classes, scored.confidences)
        self.evidence.offer(events, rows, scored)
        self.statistics.update(scored.scores)
        if self.taps is not None:
            self.taps.offer(events, segments, scored)

    def add_shadow(
        self,
        events: Sequence[Event],
        rows: WindowRows,
        classes: Sequence[str | None],
        scored: Scored,
    ) -> None:
        """Count what a shadow gave for a batch: its windows alone."""
        if scored.shadow is None:
            return
        own = replace(scored, scores=scored.shadow.scores, p_values=scored.shadow.p_values)
        self.windows.add(events, rows, own)
        self.labels.add(rows, classes, scored.confidences)

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
