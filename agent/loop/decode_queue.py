"""Records on their way to a batch: threads decode the next ones while a batch is scored."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from ..errors import EventError
from ..events.event import LeftOut
from ..ports import Clock, Record
from .decoded import Decoded, RecordDecoder
from .pace import Pace
from .workers import Workers

_KNOWN_WEIGH = 50
"""So many records without bytes fill the queue like one with them."""


@dataclass(slots=True)
class _Waiting:
    """One record.

    Attributes:
        one_in: how many records it represents; 0 if its result is known and nothing is decoded.
    """

    record: Record
    arrived_at: datetime
    since: float
    one_in: int
    future: Future[Decoded] | None = None


class DecodeQueue:
    """First in, first out. The loop's thread owns it; decoding runs in threads of its own.

    Only the next two batches are decoded ahead, so that memory is bounded by encoded bytes. Records
    whose fate is known take no room in a batch.

    Args:
        max_images: of one batch.
        max_delay_seconds: a smaller batch is due when its first record has waited so long, or less
            where no other is expected sooner (`Pace`).
        max_waiting: beyond so many records to decode the queue is full, and the source should pause.
    """

    def __init__(
        self,
        decoder: RecordDecoder,
        clock: Clock,
        *,
        max_images: int,
        max_delay_seconds: float,
        max_waiting: int,
        threads: int,
    ) -> None:
        self._decoder = decoder
        self._clock = clock
        self._max_images = max_images
        self._pace = Pace(clock, max_images=max_images, max_delay_seconds=max_delay_seconds)
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._n_to_decode = 0
        self._threads = Workers(threads, "decode")

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the source should pause."""
        return max(self._n_to_decode, len(self._waiting) / _KNOWN_WEIGH) >= self._max_waiting

    @property
    def has_room(self) -> bool:
        """Whether a paused source should resume: half empty, so that it does not flutter."""
        half = self._max_waiting // 2
        return max(self._n_to_decode, len(self._waiting) / _KNOWN_WEIGH) <= half

    @property
    def is_due(self) -> bool:
        """Whether a batch should be taken now."""
        return self.seconds_until_due <= 0

    @property
    def seconds_until_due(self) -> float:
        """Seconds until a batch should be taken; infinite while nothing waits."""
        if self.has_full_batch:
            return 0.0
        if not self._waiting:
            return float("inf")
        return self._waiting[0].since + self._pace.delay_seconds - self._clock.monotonic()

    @property
    def has_full_batch(self) -> bool:
        """Whether as many wait as one batch takes."""
        return self._n_to_decode >= self._max_images

    def put(self, records: Sequence[Record], one_in: Sequence[int]) -> None:
        """Queue records in order of delivery.

        Args:
            one_in: how many each represents; 0 leaves it out, and its bytes are not kept.
        """
        arrived_at, since = self._clock.now(), self._clock.monotonic()
        before = self._n_to_decode
        for record, n in zip(records, one_in, strict=True):
            if n:
                self._waiting.append(_Waiting(record, arrived_at, since, n))
                self._n_to_decode += 1
            else:
                self._put_known(replace(record, value=None, headers=()), LeftOut())
        self._pace.arrive(self._n_to_decode - before)
        self._start_decoding()

    def put_error(self, record: Record, error: EventError) -> None:
        """Queue a record that cannot be read, in its place in the order of delivery."""
        self._put_known(record, error)

    def _put_known(self, record: Record, outcome: LeftOut | EventError) -> None:
        future: Future[Decoded] = Future()
        future.set_result(Decoded(record, outcome, 0.0))
        since = self._clock.monotonic()
        self._waiting.append(_Waiting(record, self._clock.now(), since, 0, future))

    def take(self) -> list[Future[Decoded]]:
        """Remove and return the next batch, in order of delivery; it may still be decoding."""
        futures = []
        n = min(self._max_images, self._n_to_decode)
        self._n_to_decode -= n
        while self._waiting and (n or not self._waiting[0].one_in):
            waiting = self._waiting.popleft()
            n -= waiting.one_in > 0
            futures.append(self._future(waiting))
        self._start_decoding()
        return futures

    def clear(self) -> None:
        """Drop everything that waits."""
        for waiting in self._waiting:
            if waiting.future is not None:
                waiting.future.cancel()
        self._waiting.clear()
        self._n_to_decode = 0

    def close(self, timeout_seconds: float) -> int:
        """Drop everything and end the threads; return how many did not end in time."""
        self.clear()
        return self._threads.close(timeout_seconds)

    def _start_decoding(self) -> None:
        to_decode = (waiting for waiting in self._waiting if waiting.one_in)
        for waiting in islice(to_decode, 2 * self._max_images):
            self._future(waiting)

    def _future(self, waiting: _Waiting) -> Future[Decoded]:
        if waiting.future is None:
            waiting.future = self._threads.submit(
                self._decoder.decode, waiting.record, waiting.arrived_at, waiting.one_in
            )
        return waiting.future
