"""Scores events and counts them in memory, until a flush takes the counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftgauge.storage import FlushRecord, OffsetAdvance

from .drift.statistics import ScoreStatistics
from .drift.windows import Segments, WindowCounts
from .errors import ScorerFault
from .events.event import Event
from .events.uniform import event_uniform
from .evidence import EvidenceKeeper
from .loop_settings import LoopSettings
from .ports import Scored, Scorer


class Counting:
    """Windows, evidence and statistics of one scorer's events. The loop's thread owns it."""

    def __init__(self, scorer: Scorer, settings: LoopSettings) -> None:
        columns, seconds = scorer.columns, settings.window_seconds
        self._scorer = scorer
        self._stream = settings.stream
        self._segments = Segments(settings.max_segments)
        self._windows = WindowCounts(columns, window_seconds=seconds)
        self._evidence = EvidenceKeeper(columns, settings.evidence, window_seconds=seconds)
        self._statistics = ScoreStatistics(columns)

    @property
    def n_events(self) -> int:
        """Events counted since the last flush."""
        return self._windows.n_events

    def score(self, events: Sequence[Event]) -> Scored:
        """Return the scores of a batch.

        Raises:
            ScorerFault: the scorer failed, or gave something other than it promised.
        """
        uniforms = np.array([event_uniform(e.topic, e.partition, e.offset) for e in events])
        try:
            scored = self._scorer.score([event.image for event in events], uniforms)
        except Exception as error:  # any: whatever the model raises, the agent stops with a reason
            hint = getattr(error, "hint", None)
            raise ScorerFault(f"the scorer failed with {error!r}", hint=hint) from error
        _check(scored, len(events), len(self._scorer.columns))
        return scored

    def count(self, events: Sequence[Event], scored: Scored) -> None:
        """Count a scored batch in every segment of each event."""
        segments = [self._segments.of(event) for event in events]
        self._windows.add(events, segments, scored)
        self._evidence.offer(events, segments, scored)
        self._statistics.update(scored.scores)

    def flush_record(self, advances: Sequence[OffsetAdvance]) -> FlushRecord:
        """Return everything that one transaction is to write."""
        return FlushRecord(
            stream=self._stream,
            detector=self._scorer.detector,
            advances=advances,
            windows=self._windows.records(),
            evidence=self._evidence.records(),
            summaries=self._statistics.summaries(),
        )

    def mark_flushed(self) -> None:
        """The last record is in the database: begin anew."""
        self._windows.clear()
        self._evidence.mark_flushed()

    def drop(self) -> None:
        """Forget what is not in the database."""
        self._windows.clear()
        self._evidence.drop()


def _check(scored: Scored, n_events: int, n_columns: int) -> None:
    wanted = (n_events, n_columns)
    for name, values in (("scores", scored.scores), ("p-values", scored.p_values)):
        if values.shape != wanted:
            raise ScorerFault(f"the scorer's {name} have shape {values.shape}, wanted {wanted}")
        if not np.isfinite(values).all():
            raise ScorerFault(f"some of the scorer's {name} are not finite")
