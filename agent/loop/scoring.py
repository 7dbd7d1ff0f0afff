"""Batches through the scorer, in a thread of its own, so that polling never waits for scores."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from driftgauge.detector import NonFiniteScore

from ...errors import DriftgaugeError
from ..errors import EventUnscorable, ScorerFault
from ..events.event import Event
from ..events.uniform import event_uniform
from ..ports import Clock, Record, Scored, Scorer, ShadowScored
from .decoded import Decoded

_BAD_BATCHES = 3
_BAD_EVENTS = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch with its scores.

    Attributes:
        outcomes: every record of the batch in the order of delivery.
        events: those that were scored.
        scored: one row per event of *events*; None if there are no events.
        seconds: by stage: ``decode`` and ``prepare`` are busy time of the decoding threads,
            ``decode_wait`` what the scorer waited for them, ``score`` its own, ``score.NAME`` a
            part of that.
        detector: the version that scored it.
    """

    outcomes: Sequence[Decoded]
    events: Sequence[Event]
    scored: Scored | None
    seconds: dict[str, float] = field(default_factory=dict)
    detector: str | None = None


class ScoringThread:
    """Scores batches one after another, in the order in which they are submitted.

    Images are the scorer's business only here, so the scorer need not be thread-safe. The thread
    ends with the process: a scorer that hangs cannot hold up leaving.

    Args:
        max_images: given to the scorer at a time; a batch has more where records have several.
    """

    def __init__(self, scorer: Scorer, clock: Clock, *, max_images: int = 64) -> None:
        self._scorer = scorer
        self._max_images = max_images
        self._clock = clock
        self._n_bad_batches = 0
        self._n_bad_events = 0
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self._thread.start()

    def submit(
        self, batch: Sequence[Future[Decoded]], scorer: Scorer | None = None
    ) -> Future[Judged]:
        """Queue a batch whose images may still be decoding; its future raises ScorerFault.

        Args:
            scorer: scores this batch and those after it; None for the one before.
        """
        found: Future[Judged] = Future()
        self._work.put((batch, scorer, found))
        return found

    def close(self, timeout_seconds: float) -> bool:
        """End the thread after the batch it is at; return whether it ended in time."""
        self._work.put(None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            batch, scorer, found = work
            self._scorer = scorer or self._scorer
            if not found.set_running_or_notify_cancel():
                continue
            try:
                found.set_result(self._judge(batch))
            except BaseException as error:
                found.set_exception(error)

    def _judge(self, batch: Sequence[Future[Decoded]]) -> Judged:
        start = self._clock.monotonic()
        # The last first: to wait for each in turn would wake this thread for each, under Python's lock.
        outcomes = [future.result() for future in reversed(batch)][::-1]
        decoded = self._clock.monotonic()
        events = [event for found in outcomes for event in found.events]
        scored: Scored | None = None
        if events:
            try:
                scored = self._scored(events)
                self._n_bad_batches = self._n_bad_events = 0
            except NonFiniteScore as error:
                outcomes, events = self._set_aside(outcomes, events, error)
                scored = self._scored_rest(events)
        else:
            self._note_refused(outcomes)
        seconds = {
            "decode": sum(found.seconds for found in outcomes),
            "prepare": sum(found.prepare_seconds for found in outcomes),
            "decode_wait": decoded - start,
            "score": self._clock.monotonic() - decoded,
        }
        if scored is not None:
            seconds |= {f"score.{part}": took for part, took in scored.seconds.items()}
        return Judged(outcomes, events, scored, seconds, self._scorer.detector)

    def _scored(self, events: Sequence[Event]) -> Scored:
        parts: list[Scored] = []
        bad: list[int] = []
        worst: NonFiniteScore | None = None
        for start in range(0, len(events), self._max_images):
            try:
                parts.append(self._scored_some(events[start : start + self._max_images]))
            except NonFiniteScore as error:
                worst = error
                bad += [start + row for row in getattr(error, "rows", ())]
        if worst is not None:
            vars(worst)["rows"] = tuple(bad)
            raise worst
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _scored_some(self, events: Sequence[Event]) -> Scored:
        uniforms = np.array([event_uniform(e.topic, e.partition, e.offset, e.item) for e in events])
        try:
            scored = self._scorer.score(
                [event.to_score for event in events], uniforms, [event.segments for event in events]
            )
            _check(scored, len(events), len(self._scorer.columns))
        except NonFiniteScore:
            raise
        except Exception as error:  # any: whatever the model raises, the agent stops with a reason
            raise _fault(events, error) from error
        return scored

    def _scored_rest(self, events: Sequence[Event]) -> Scored | None:
        try:
            return self._scored(events) if events else None
        except NonFiniteScore as error:  # it was finite before, in a batch with other images
            raise _fault(events, error) from error

    def _set_aside(
        self, outcomes: list[Decoded], events: list[Event], error: NonFiniteScore
    ) -> tuple[list[Decoded], list[Event]]:
        """Make events without finite scores the dead letters' business; return what is left.

        One picture must not stop a stream. A model that scores nothing any more must.
        """
        rows = set(getattr(error, "rows", ()))
        bad_ones = {id(event) for row, event in enumerate(events) if row in rows}
        # A record's events count together or not at all.
        bad = {
            id(event)
            for found in outcomes
            if any(id(one) in bad_ones for one in found.events)
            for event in found.events
        }
        self._note(len(events), len(bad), events, error)
        reason = EventUnscorable(f"the model returned no finite score for this picture: {error}")
        marked = [
            replace(found, outcome=reason, is_skewed=False, more=())
            if id(found.outcome) in bad
            else found
            for found in outcomes
        ]
        return marked, [event for event in events if id(event) not in bad]

    def _note_refused(self, outcomes: Sequence[Decoded]) -> None:
        """Note a batch of which no picture could even be prepared."""
        refused = [found for found in outcomes if found.is_refused]
        reasons = [found.outcome for found in refused if isinstance(found.outcome, EventUnscorable)]
        if reasons:
            n = len(refused)
            self._note(n, n, [found.record for found in refused], reasons[-1])

    def _note(self, n: int, n_bad: int, events: Sequence[_Placed], error: Exception) -> None:
        if not n_bad:
            raise _fault(events, error) from error
        if n_bad < n:
            self._n_bad_batches = self._n_bad_events = 0
            return
        self._n_bad_batches += 1
        self._n_bad_events += n_bad
        if self._n_bad_batches >= _BAD_BATCHES and self._n_bad_events >= _BAD_EVENTS:
            raise _fault(events, error) from error


_Placed = Event | Record
_Work = tuple[Sequence[Future[Decoded]], Scorer | None, Future[Judged]]


def _fault(events: Sequence[_Placed], error: Exception) -> ScorerFault:
    """Return a fault that names the events."""
    what = str(error) if isinstance(error, DriftgaugeError) else f"the scorer failed with {error!r}"
    return ScorerFault(
        f"cannot score {len(events)} events, {_named(events[0])} to {_named(events[-1])}: {what}",
        hint=getattr(error, "hint", None),
    )


def _named(one: _Placed) -> str:
    place = f"{one.topic}/{one.partition}@{one.offset}"
    return f"{place} ({one.event_id})" if isinstance(one, Event) else place


def _joined(parts: Sequence[Scored]) -> Scored:
    predicted = [part.predicted for part in parts if part.predicted is not None]
    taps = [part.taps for part in parts if part.taps is not None]
    confidences = [part.confidences for part in parts if part.confidences is not None]
    pixels = [part.pixels for part in parts if part.pixels is not None]
    cells = [part.cells for part in parts if part.cells is not None]
    return Scored(
        scores=np.concatenate([part.scores for part in parts]),
        p_values=np.concatenate([part.p_values for part in parts]),
        predicted=np.concatenate(predicted) if len(predicted) == len(parts) else None,
        confidences=np.concatenate(confidences) if len(confidences) == len(parts) else None,
        seconds={
            name: sum(part.seconds.get(name, 0.0) for part in parts) for name in parts[0].seconds
        },
        taps=np.concatenate(taps) if len(taps) == len(parts) else None,
        pixels=np.concatenate(pixels) if len(pixels) == len(parts) else None,
        cells=np.concatenate(cells) if len(cells) == len(parts) else None,
        shadow=_joined_shadow([part.shadow for part in parts]),
    )


def _joined_shadow(parts: Sequence[ShadowScored | None]) -> ShadowScored | None:
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    return replace(
        found[0],
        scores=np.concatenate([part.scores for part in found]),
        p_values=np.concatenate([part.p_values for part in found]),
    )


def _check(scored: Scored, n_events: int, n_columns: int) -> None:
    wanted = (n_events, n_columns)
    for name, values in (("scores", scored.scores), ("p-values", scored.p_values)):
        if values.shape != wanted:
            raise ScorerFault(f"the scorer's {name} have shape {values.shape}, wanted {wanted}")
        if not np.isfinite(values).all():
            raise ScorerFault(f"some of the scorer's {name} are not finite")
