"""Counts scored events in memory, until a flush takes the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from driftgauge.storage import FlushRecord, OffsetAdvance

from ..events.event import Event
from ..events.prediction import PredictionBook
from ..events.segment import PREDICTED_CLASS
from ..ports import Scored, Scorer
from .clocks import SegmentClocks
from .evidence import EvidenceKeeper, EvidenceSettings
from .labels import LabelCounts
from .segments import MissingSegments, Segments
from .statistics import ScoreStatistics
from .tap_keeper import KeepSettings, TapKeeper
from .windows import WindowCounts


class Counting:
    """Windows, evidence and statistics of one scorer's events. The loop's thread owns it.

    Args:
        scorer: names the score columns and the detector.
        segment_names: what slices the stream, as the settings name it.
        max_segments: new values of segments beyond so many count as ``~other``.
        predictions: what names the class of an event.
        classes: of the detector's reference, which are counted; empty counts none.
        alpha: an event with a p-value of at most this is out of distribution.
        tolerated_clock_seconds: a segment's clock that is further off is told as wrong.
        keep: which taps to keep to learn from; None for none.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        stream: str,
        window_seconds: int,
        segment_names: Sequence[str],
        max_segments: int,
        evidence: EvidenceSettings,
        predictions: PredictionBook,
        classes: Sequence[str] = (),
        alpha: float,
        tolerated_clock_seconds: float = 300.0,
        keep: KeepSettings | None = None,
    ) -> None:
        columns = scorer.columns
        self._detector = scorer.detector
        self._stream = stream
        self._segments = Segments(max_segments, n_names=len(segment_names))
        self._missing = MissingSegments(segment_names)
        self._predictions = predictions
        self._is_by_class = PREDICTED_CLASS in segment_names
        self._labels = LabelCounts(classes, window_seconds=window_seconds)
        self._windows = WindowCounts(columns, window_seconds=window_seconds, alpha=alpha)
        self.clocks = SegmentClocks(tolerated_seconds=tolerated_clock_seconds)
        self._evidence = EvidenceKeeper(columns, evidence, window_seconds=window_seconds)
        self._statistics = ScoreStatistics(columns)
        self._taps = None if keep is None else TapKeeper(keep)

    @property
    def n_events(self) -> int:
        """Events counted since the last flush."""
        return self._windows.n_events

    @property
    def n_other(self) -> int:
        """Segment values so far that counted as ``~other``."""
        return self._segments.n_other

    @property
    def n_kept(self) -> int:
        """Events so far whose taps are kept."""
        return 0 if self._taps is None else self._taps.n_kept

    @property
    def n_keep_lost(self) -> int:
        """Events so far whose taps were to be kept and could not be written."""
        return 0 if self._taps is None else self._taps.n_lost

    @property
    def missing_segments(self) -> tuple[str, ...]:
        """Names of segments that no event had, once there were enough to say so."""
        return self._missing.missing

    def remember(self, segments: Mapping[str, datetime]) -> None:
        """Know segments that were counted before, with when they last were."""
        self._segments.remember(segments)

    def count(self, events: Sequence[Event], scored: Scored) -> None:
        """Count a scored batch in every segment of each event."""
        classes = [self._class_of(event, row, scored) for row, event in enumerate(events)]
        values = [self._values(event, said) for event, said in zip(events, classes, strict=True)]
        for own in values:
            self._missing.see(own)
        segments = [
            self._segments.of(own, event.event_time)
            for own, event in zip(values, events, strict=True)
        ]
        self._windows.add(events, segments, scored)
        self._labels.add(events, segments, classes, scored.confidences)
        self.clocks.add(events, segments)
        self._evidence.offer(events, segments, scored)
        self._statistics.update(scored.scores)
        if self._taps is not None:
            self._taps.offer(events, segments, scored)

    def _class_of(self, event: Event, row: int, scored: Scored) -> str | None:
        """Return the event's class: as the message says it, its prediction, or the model here."""
        said = event.segments.get(PREDICTED_CLASS) or event.predicted
        if said is not None:
            return self._predictions.name(said)
        predicted = -1 if scored.predicted is None else int(scored.predicted[row])
        return self._predictions.class_of_event(event, predicted if predicted >= 0 else None)

    def _values(self, event: Event, said: str | None) -> Mapping[str, str]:
        """Return the event's segments, with its class where the stream is sliced by it."""
        if not self._is_by_class or said is None:
            return event.segments
        return {**event.segments, PREDICTED_CLASS: said}

    def flush_record(self, advances: Sequence[OffsetAdvance]) -> FlushRecord:
        """Return everything that one transaction is to write; files of kept taps are written now."""
        shards, runs = ([], []) if self._taps is None else self._taps.write()
        return FlushRecord(
            stream=self._stream,
            detector=self._detector,
            advances=advances,
            windows=[*self._windows.records(), *self._labels.records()],
            evidence=self._evidence.records(),
            summaries=self._statistics.summaries(),
            segments=self.clocks.advances(),
            kept_shards=shards,
            kept_runs=runs,
        )

    def mark_flushed(self) -> None:
        """The last record is in the database: start from zero."""
        self._windows.clear()
        self._labels.clear()
        self.clocks.mark_flushed()
        self._evidence.mark_flushed()
        if self._taps is not None:
            self._taps.mark_flushed()

    def drop(self) -> None:
        """Forget what is not in the database."""
        self._windows.clear()
        self._labels.clear()
        self.clocks.drop()
        self._evidence.drop()
        if self._taps is not None:
            self._taps.drop()
