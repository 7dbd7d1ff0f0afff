"""Counts scored events in memory, until a flush takes the counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from driftgauge.storage import CountsBeside, FlushRecord, OffsetAdvance, shadow_name

from ..events.event import Event
from ..events.prediction import PredictionBook
from ..events.segment import PREDICTED_CLASS
from ..ports import Scored, Scorer
from .clocks import SegmentClocks
from .detector_counts import DetectorCounts
from .evidence import EvidenceSettings
from .segments import MissingSegments, Segments
from .tap_keeper import KeepSettings, TapKeeper
from .window_rows import WindowRows, rows_by_window


class Counting:
    """Windows, evidence and statistics of scored events. The loop's thread owns it.

    Events count under the detector version that scored them: those of the version before are flushed
    in the same transaction, after the scorer was replaced.

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
        self._stream = stream
        self._segments = Segments(max_segments, n_names=len(segment_names))
        self._missing = MissingSegments(segment_names)
        self._predictions = predictions
        self._is_by_class = PREDICTED_CLASS in segment_names
        self.clocks = SegmentClocks(tolerated_seconds=tolerated_clock_seconds)
        self._window_seconds = window_seconds
        self._new_counts = partial(DetectorCounts, evidence=evidence, alpha=alpha)
        self._counts: dict[str, DetectorCounts] = {}
        self._shadows: dict[str, DetectorCounts] = {}
        self._n_kept_before = self._n_lost_before = 0
        self.use(scorer, keep, classes)

    def use(self, scorer: Scorer, keep: KeepSettings | None, classes: Sequence[str] = ()) -> None:
        """Count under this scorer's detector from now on; what others still bring counts under theirs.

        Args:
            keep: which taps to keep to learn from; None for none.
            classes: of the detector's reference, which are counted.
        """
        self._detector = scorer.detector
        if scorer.detector not in self._counts:
            self._counts[scorer.detector] = self._new_counts(
                scorer.columns, keep=keep, classes=classes
            )

    @property
    def n_events(self) -> int:
        """Events counted since the last flush."""
        return sum(counts.windows.n_events for counts in self._counts.values())

    @property
    def n_other(self) -> int:
        """Segment values so far that counted as ``~other``."""
        return self._segments.n_other

    @property
    def n_kept(self) -> int:
        """Events so far whose taps are kept."""
        return self._n_kept_before + sum(taps.n_kept for taps in self._tap_keepers())

    @property
    def n_keep_lost(self) -> int:
        """Events so far whose taps were to be kept and could not be written."""
        return self._n_lost_before + sum(taps.n_lost for taps in self._tap_keepers())

    @property
    def missing_segments(self) -> tuple[str, ...]:
        """Names of segments that no event had, once there were enough to say so."""
        return self._missing.missing

    def remember(self, segments: Mapping[str, datetime]) -> None:
        """Know segments that were counted before, with when they last were."""
        self._segments.remember(segments)

    def count(self, events: Sequence[Event], scored: Scored, detector: str | None = None) -> None:
        """Count a scored batch in every segment of each event.

        Args:
            detector: the version that scored it; None for the one in use.
        """
        classes = [self._class_of(event, row, scored) for row, event in enumerate(events)]
        values = [self._values(event, said) for event, said in zip(events, classes, strict=True)]
        for own in values:
            self._missing.see(own)
        segments = [
            self._segments.of(own, event.event_time)
            for own, event in zip(values, events, strict=True)
        ]
        rows = rows_by_window(events, segments, self._window_seconds)
        self._counts[detector or self._detector].add(events, segments, rows, classes, scored)
        self._count_shadow(events, rows, classes, scored)
        self.clocks.add(events, segments)

    def _count_shadow(
        self,
        events: Sequence[Event],
        rows: WindowRows,
        classes: Sequence[str | None],
        scored: Scored,
    ) -> None:
        """Count what a detector beside the active one gave, under its own name."""
        shadow = scored.shadow
        if shadow is None:
            return
        name = shadow_name(shadow.detector)
        if name not in self._shadows:
            self._shadows[name] = self._new_counts(
                shadow.columns, keep=None, classes=shadow.classes
            )
        self._shadows[name].add_shadow(events, rows, classes, scored)

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
        files = [taps.write() for taps in self._tap_keepers()]
        own = self._counts[self._detector]
        return FlushRecord(
            stream=self._stream,
            detector=self._detector,
            advances=advances,
            windows=own.records(),
            evidence=own.evidence.records(),
            summaries=own.statistics.summaries(),
            segments=self.clocks.advances(),
            kept_shards=[shard for shards, _ in files for shard in shards],
            kept_runs=[run for _, runs in files for run in runs],
            beside=[
                CountsBeside(name, counts.records(), counts.evidence.records())
                for name, counts in self._counts.items()
                if counts is not own
            ]
            + [CountsBeside(name, counts.records()) for name, counts in self._shadows.items()],
        )

    def mark_flushed(self) -> None:
        """The last record is in the database: start from zero."""
        self.clocks.mark_flushed()
        for counts in self._counts.values():
            counts.mark_flushed()
        self._shadows.clear()

    def forget_others(self) -> None:
        """Let go of versions that score no more, once all that they counted is flushed."""
        for name in [name for name in self._counts if name != self._detector]:
            taps = self._counts.pop(name).taps
            if taps is not None:
                self._n_kept_before += taps.n_kept
                self._n_lost_before += taps.n_lost

    def drop(self) -> None:
        """Forget what is not in the database."""
        self.clocks.drop()
        for counts in self._counts.values():
            counts.drop()
        self._shadows.clear()

    def _tap_keepers(self) -> Iterator[TapKeeper]:
        return (counts.taps for counts in self._counts.values() if counts.taps is not None)
