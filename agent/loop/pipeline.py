"""Records on their way to scores: decoding and scoring run in threads while the loop keeps polling."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from ..errors import EventError
from ..events.decode import DecodePorts
from ..events.tap_vectors import TapsWanted
from ..log import action
from ..ports import Clock, Record, Scorer
from .decode_queue import DecodeQueue
from .decoded import RecordDecoder
from .loop_settings import LoopSettings
from .scoring import Judged, ScoringThread

log = logging.getLogger(__name__)

_IN_FLIGHT = 2
"""One batch that is being scored, and one more that is ready, so that the scorer never waits for the loop."""


@dataclass(slots=True)
class ScoringBatch:
    """Records that went to the scorer together.

    Attributes:
        future: its scores.
        since: monotonic time at which it was handed to the scorer.
        n_checked: outcomes whose dead letters are sent, as far as there are any.
        detector: the version that scores it.
    """

    future: Future[Judged]
    n_records: int
    since: float
    n_checked: int = 0
    detector: str = ""

    @property
    def judged(self) -> Judged:
        """Its scores, waiting for them."""
        return self.future.result()


class Pipeline:
    """First in, first out. The loop's thread owns it."""

    def __init__(
        self, scorer: Scorer, settings: LoopSettings, ports: DecodePorts, clock: Clock
    ) -> None:
        self._clock = clock
        self._scorer = scorer
        self._decoder = RecordDecoder(
            settings.decode,
            ports,
            scorer.prepare,
            clock,
            max_skew_seconds=settings.max_skew_seconds,
            thumbnail_side=settings.evidence.source_side,
        )
        self._queue = DecodeQueue(
            self._decoder,
            clock,
            max_images=settings.max_images,
            max_delay_seconds=settings.max_delay_seconds,
            max_waiting=settings.max_waiting,
            threads=settings.decode_threads,
        )
        self._scoring = ScoringThread(scorer, clock, max_images=settings.max_images)
        self._batches: deque[ScoringBatch] = deque()

    def __len__(self) -> int:
        """Return how many records are in it."""
        return len(self._queue) + sum(batch.n_records for batch in self._batches)

    @property
    def is_full(self) -> bool:
        """Whether the source should pause."""
        return self._queue.is_full

    @property
    def has_room(self) -> bool:
        """Whether a paused source should resume."""
        return self._queue.has_room

    @property
    def is_scoring(self) -> bool:
        """Whether a batch is being scored now."""
        return self.busy_since is not None

    @property
    def busy_since(self) -> float | None:
        """Monotonic time at which the batch that is scored now was handed over; None when idle."""
        return next((batch.since for batch in self._batches if not batch.future.done()), None)

    @property
    def has_one_scorer(self) -> bool:
        """Whether no batch is with a scorer that was replaced."""
        return all(batch.detector == self._scorer.detector for batch in self._batches)

    def use(self, scorer: Scorer, taps: TapsWanted | None) -> None:
        """Let *scorer* score from the next batch on; those that it was handed to before stay as they are.

        Args:
            taps: what sent vectors must be for it.
        """
        self._scorer = scorer
        self._decoder.use(scorer.prepare, taps)

    def poll_timeout(self, max_seconds: float) -> float:
        """Return how long to wait for records: not at all while scores are what is waited for."""
        if self.is_scoring:
            return 0.0
        return min(max_seconds, max(0.0, self._queue.seconds_until_due))

    def put(self, records: Sequence[Record], one_in: Sequence[int]) -> None:
        """Take records in order of delivery.

        Args:
            one_in: how many each represents; 0 leaves it out.
        """
        self._queue.put(records, one_in)

    def put_error(self, record: Record, error: EventError) -> None:
        """Take a record whose fate is known."""
        self._queue.put_error(record, error)

    def start(self, *, everything: bool = False) -> None:
        """Hand batches to the scorer: one that is due, and another if it is full.

        A second one that is not full would gain nothing: it can grow until the scorer is free.

        Args:
            everything: also what is not due yet.
        """
        while len(self._batches) < _IN_FLIGHT and len(self._queue):
            is_next = self._queue.has_full_batch if self._batches else self._queue.is_due
            if not (is_next or everything):
                return
            records = self._queue.take()
            scores = self._scoring.submit(records, self._scorer)
            since, detector = self._clock.monotonic(), self._scorer.detector
            self._batches.append(ScoringBatch(scores, len(records), since, detector=detector))

    def oldest(self, timeout_seconds: float) -> ScoringBatch | None:
        """Return the oldest batch once it is scored, None if that takes longer than the time.

        It stays the oldest until `pop`.

        Raises:
            ScorerFault: it cannot be scored.
        """
        if not self._batches:
            return None
        batch = self._batches[0]
        if not batch.future.done():
            wait([batch.future], timeout_seconds)
        if not batch.future.done():
            return None
        batch.future.result()  # raises what went wrong
        return batch

    def pop(self) -> None:
        """The oldest batch is counted."""
        self._batches.popleft()

    def clear(self) -> None:
        """Drop everything; what the scorer is at is finished and forgotten."""
        self._queue.clear()
        for batch in self._batches:
            batch.future.cancel()
        self._batches.clear()

    def close(self, timeout_seconds: float) -> None:
        """Drop everything and end the threads; those that hang are logged and abandoned."""
        self.clear()
        n_decoding = self._queue.close(timeout_seconds)
        if n_decoding:
            log.warning(
                "%s decoding threads did not end within %.1f s and are abandoned: a picture is "
                "still being fetched, decoded or prepared",
                *(n_decoding, timeout_seconds),
                extra=action("decoding_left", threads=n_decoding),
            )
        if not self._scoring.close(timeout_seconds):
            log.warning(
                "the scoring thread did not end within %.1f s and is abandoned: it waits for the "
                "model%s",
                *(timeout_seconds, " or for a picture" if n_decoding else ""),
                extra=action("scoring_left"),
            )
