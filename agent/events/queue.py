"""Records on their way to a batch: threads decode the next ones while a batch is scored."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..errors import EventError
from ..pace import Pace
from ..ports import Clock
from .decode import DecodeSettings, decode_record
from .event import Answer, Event, Record


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record and what became of it.

    Attributes:
        outcome: its first event; an answer has none, and nothing to count.
        more: the events of its other pictures.
        seconds: what decoding took in its thread.
        is_skewed: dated too far ahead, so it counts at its arrival.
    """

    record: Record
    outcome: Event | Answer | EventError
    seconds: float
    is_skewed: bool = False
    more: tuple[Event, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """Return all events of the record: they count together or not at all."""
        return (self.outcome, *self.more) if isinstance(self.outcome, Event) else ()


@dataclass(slots=True)
class _Waiting:
    record: Record
    arrived_at: datetime
    since: float
    future: Future[Decoded] | None = None


class DecodeQueue:
    """First in, first out. The loop's thread owns it; decoding runs in threads of its own.

    Only the next two batches are decoded ahead, so that memory is bounded by encoded bytes.

    Args:
        max_images: of one batch.
        max_delay_seconds: a smaller batch is due when its first record has waited so long, or less
            where no other is expected sooner (`Pace`).
        max_waiting: beyond so many records the queue is full and the source should pause.
        max_skew_seconds: an event dated further ahead of the clock counts at its arrival.
    """

    def __init__(
        self,
        decode: DecodeSettings,
        clock: Clock,
        *,
        max_images: int,
        max_delay_seconds: float,
        max_waiting: int,
        max_skew_seconds: float,
        threads: int,
    ) -> None:
        self._decode = decode
        self._clock = clock
        self._max_images = max_images
        self._pace = Pace(clock, max_images=max_images, max_delay_seconds=max_delay_seconds)
        self._max_waiting = max_waiting
        self._max_skew = timedelta(seconds=max_skew_seconds)
        self._waiting: deque[_Waiting] = deque()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the source should pause."""
        return len(self._waiting) >= self._max_waiting

    @property
    def has_room(self) -> bool:
        """Whether a paused source should resume: half empty, so that it does not flutter."""
        return len(self._waiting) <= self._max_waiting // 2

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
        return len(self._waiting) >= self._max_images

    def put(self, records: Iterable[Record]) -> None:
        """Queue records in order of delivery."""
        arrived_at, since = self._clock.now(), self._clock.monotonic()
        before = len(self._waiting)
        self._waiting.extend(_Waiting(record, arrived_at, since) for record in records)
        self._pace.arrive(len(self._waiting) - before)
        self._start_decoding()

    def put_error(self, record: Record, error: EventError) -> None:
        """Queue a record whose fate is known, in its place in the order of delivery."""
        future: Future[Decoded] = Future()
        future.set_result(Decoded(record, error, 0.0))
        since = self._clock.monotonic()
        self._waiting.append(_Waiting(record, self._clock.now(), since, future))

    def take(self) -> list[Future[Decoded]]:
        """Remove and return the next batch, in order of delivery; it may still be decoding."""
        n = min(self._max_images, len(self._waiting))
        futures = [self._future(self._waiting.popleft()) for _ in range(n)]
        self._start_decoding()
        return futures

    def clear(self) -> None:
        """Drop everything that waits."""
        for waiting in self._waiting:
            if waiting.future is not None:
                waiting.future.cancel()
        self._waiting.clear()

    def close(self) -> None:
        """Drop everything and end the threads."""
        self.clear()
        self._threads.shutdown(cancel_futures=True)

    def _start_decoding(self) -> None:
        for _, waiting in zip(range(2 * self._max_images), self._waiting, strict=False):
            if waiting.future is None:
                self._future(waiting)

    def _future(self, waiting: _Waiting) -> Future[Decoded]:
        if waiting.future is None:
            waiting.future = self._threads.submit(self._work, waiting.record, waiting.arrived_at)
        return waiting.future

    def _work(self, record: Record, arrived_at: datetime) -> Decoded:
        start = self._clock.monotonic()
        outcome: Event | Answer | EventError
        more: tuple[Event, ...] = ()
        is_skewed = False
        try:
            found = decode_record(record, self._decode, arrived_at=arrived_at)
        except EventError as error:
            outcome = error
        else:
            if isinstance(found, Answer):
                self._decode.answers.put(found)
                outcome = found
            else:
                is_skewed = found[0].event_time > arrived_at + self._max_skew
                if is_skewed:  # a wrong clock opens no windows in the future
                    found = tuple(replace(event, event_time=arrived_at) for event in found)
                outcome, *rest = found
                more = tuple(rest)
        return Decoded(record, outcome, self._clock.monotonic() - start, is_skewed, more)
