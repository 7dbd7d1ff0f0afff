"""The loop: poll, decode, score, count, flush; in this order, in one thread.

Every event counts exactly once, whatever dies, because of four rules:

1. One transaction writes counts and each partition's next offset, guarded by the offset that the
   counts began from. Another agent's flush in between makes this one stale: nothing is written.
2. Whenever partitions come or go, and after a stale flush, memory is dropped and every partition is
   sought to the database's offset. The broker's own offsets are for lag tools.
3. Records are counted in the order of delivery, so what is counted is a prefix of each partition,
   and one that was accepted before is skipped.
4. Dead letters are stored by the broker before the flush that moves past them.

An event's fault goes to the dead letters; the world's (no broker, no database) is waited for, with
all partitions paused and the memory kept; ours (the scorer's) ends the loop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from driftgauge.storage import StaleFlush, StoreUnavailable

from .counting import Counting
from .errors import EventError, ScorerFault, SourceUnavailable
from .events.event import Event
from .events.queue import Decoded, DecodeQueue
from .loop_settings import LoopSettings, Totals
from .ports import Clock, DeadLetters, EventSource, Scored, Scorer, Store
from .progress import Progress
from .timing import Backoff, StageTimer

log = logging.getLogger(__name__)


class AgentLoop:
    """Reads one stream until it is asked to stop.

    Args:
        stop: set it to end `run`: it drains, flushes and closes the source and the dead letters.
        settings: the stream must be registered in the store.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        dead_letters: DeadLetters,
        scorer: Scorer,
        store: Store,
        clock: Clock,
        settings: LoopSettings,
        stop: threading.Event,
    ) -> None:
        self._source = source
        self._dead_letters = dead_letters
        self._scorer = scorer
        self._store = store
        self._clock = clock
        self._settings = settings
        self._stop = stop
        self._queue = DecodeQueue(
            settings.decode,
            clock,
            max_images=settings.max_images,
            max_delay_seconds=settings.max_delay_seconds,
            max_waiting=settings.max_waiting,
            max_skew_seconds=settings.max_skew_seconds,
            threads=settings.decode_threads,
        )
        self._counting = Counting(scorer, settings)
        self._progress = Progress()
        self._backoff = Backoff(clock)
        self._must_seek = True
        self._is_paused = False
        self._flushed_at = clock.monotonic()
        self._letters = 0
        self._last_letter = ""
        self.turned_at = clock.monotonic()
        self.totals = Totals()
        self.timer = StageTimer(clock)

    def run(self) -> Totals:
        """Turn until asked to stop, then drain, flush and leave.

        Raises:
            AgentError: ScorerFault and SourceBroken: the agent cannot go on; what was not flushed
                is read again by the next one.
            StorageError: one that is not retryable.
        """
        try:
            while not self._stop.is_set():
                self.turn()
            self._drain()
        finally:
            self._leave()
        return self.totals

    def turn(self) -> None:
        """Poll once, score at most one batch, and flush when it is time."""
        self.turned_at = self._clock.monotonic()
        self._receive()
        if self._queue.is_due and not self._backoff.is_waiting:
            self._score(self._take())
        if self._clock.monotonic() - self._flushed_at >= self._settings.flush_interval_seconds:
            self.flush()
        self._balance()

    def flush(self) -> bool:
        """Write what is counted; return whether the database now has it."""
        if self._backoff.is_waiting:
            return False
        advances = self._progress.advances()
        try:
            with self.timer.stage("flush"):
                self._dead_letters.flush(self._settings.leave_seconds)
                if advances:
                    self._store.flush(self._counting.flush_record(advances))
        except StaleFlush as error:
            self._drop(error)
            return False
        except (StoreUnavailable, SourceUnavailable) as error:
            self._wait_for_the_world(error)
            return False
        self._after_flush(wrote=bool(advances))
        return True

    def stage_seconds(self) -> dict[str, float]:
        """Return where the time went so far.

        ``decode`` is busy time of the decoding threads beside the loop; ``decode_wait`` is what the
        loop waited for them. A scorer that has ``stage_seconds`` of its own splits ``score``.
        """
        own: Mapping[str, float] = getattr(self._scorer, "stage_seconds", {})
        return self.timer.seconds() | {f"score.{name}": took for name, took in own.items()}

    def _receive(self) -> None:
        timeout = min(self._settings.poll_seconds, max(0.0, self._queue.seconds_until_due))
        start = self._clock.monotonic()
        try:
            polled = self._source.poll(timeout)
        except SourceUnavailable as error:
            self._forget()
            self._wait_for_the_world(error)
            self._clock.sleep(self._settings.poll_seconds)
            return
        stage = "poll" if polled.records else "idle"
        self.timer.add(stage, self._clock.monotonic() - start)
        if polled.assignment_changed:
            self._reassigned()
        elif self._must_seek:
            self._seek()
        else:
            self._queue.put(filter(self._progress.accept, polled.records))

    def _reassigned(self) -> None:
        """Save what can be saved: the guard refuses it if a new owner was quicker."""
        self._queue.clear()
        if self._progress.advances():
            self.flush()
        self._forget()
        self._seek()

    def _seek(self) -> None:
        partitions = self._source.assignment()
        if not partitions or self._backoff.is_waiting:
            return
        try:
            known = self._store.offsets(self._settings.stream, partitions)
        except StoreUnavailable as error:
            self._wait_for_the_world(error)
            return
        self._backoff.succeed()
        stored = {partition: known.get(partition) for partition in partitions}
        begun = self._source.seek(stored)
        self._progress.begin(stored, begun)
        self._must_seek = False
        for topic, number in sorted(partitions):
            begins = begun.get((topic, number), "the configured start")
            log.info("reading %s/%s from offset %s", topic, number, begins)

    def _balance(self) -> None:
        """Pause all partitions while memory is full or the world is away, else resume all."""
        if self._must_seek or self._backoff.is_failing or self._queue.is_full:
            should_pause = True
        else:
            should_pause = self._is_paused and not self._queue.has_room
        if should_pause != self._is_paused:
            self._is_paused = should_pause
            (self._source.pause if should_pause else self._source.resume)()

    def _take(self) -> list[Decoded]:
        with self.timer.stage("decode_wait"):
            batch = self._queue.take()
        self.timer.add("decode", sum(decoded.seconds for decoded in batch))
        return batch

    def _score(self, batch: Sequence[Decoded]) -> None:
        try:
            self._bury(batch)
        except SourceUnavailable as error:
            self._queue.put_back(batch)
            self._wait_for_the_world(error)
            return
        events = [found.outcome for found in batch if isinstance(found.outcome, Event)]
        if events:
            with self.timer.stage("score"):
                scored = self._scored(events)
            with self.timer.stage("count"):
                self._counting.count(events, scored)
            self.totals.events += len(events)
        for found in batch:
            event_time = found.outcome.event_time if isinstance(found.outcome, Event) else None
            self._progress.count(found.record, event_time)

    def _bury(self, batch: Sequence[Decoded]) -> None:
        for found in batch:
            error, record = found.outcome, found.record
            if isinstance(error, EventError):
                self._dead_letters.send(record, error=type(error).__name__, message=str(error))
                self._last_letter = f"{record.topic}/{record.partition}@{record.offset}: {error}"
                self._letters += 1
                self.totals.dead_letters += 1

    def _scored(self, events: Sequence[Event]) -> Scored:
        try:
            return self._counting.score(events)
        except ScorerFault as error:
            first, last = events[0], events[-1]
            raise ScorerFault(
                f"cannot score {len(events)} events, {first.topic}/{first.partition}@"
                f"{first.offset} ({first.event_id}) to {last.topic}/{last.partition}@"
                f"{last.offset} ({last.event_id}): {error}",
                hint=error.hint,
            ) from error

    def _after_flush(self, *, wrote: bool) -> None:
        self._backoff.succeed()
        self._flushed_at = self._clock.monotonic()
        if self._letters:
            log.warning(
                "%s events went to the dead letters since the last flush, going on; the last: %s",
                *(self._letters, self._last_letter),
            )
            self._letters = 0
        if wrote:
            self.totals.flushes += 1
            self._source.commit(self._progress.mark_flushed())
            self._counting.mark_flushed()

    def _drop(self, error: StaleFlush) -> None:
        log.warning("dropping %s counted events, reading anew: %s", self._counting.n_events, error)
        self.totals.stale_flushes += 1
        self._forget()

    def _forget(self) -> None:
        """Drop what is not in the database; the events will be read again, by whoever owns them."""
        self.totals.dropped_events += self._counting.n_events
        self.totals.events -= self._counting.n_events
        self._queue.clear()
        self._counting.drop()
        self._progress.clear()
        self._must_seek = True

    def _wait_for_the_world(self, error: Exception) -> None:
        seconds = self._backoff.fail()
        log.warning("%s; trying again in %.1f s, partitions are paused", error, seconds)

    def _drain(self) -> None:
        deadline = self._clock.monotonic() + self._settings.drain_seconds
        while len(self._queue) and not self._backoff.is_failing:
            if self._clock.monotonic() > deadline:
                log.warning("%s records are left for the next agent", len(self._queue))
                break
            self._score(self._take())
        self._flush_before_leaving()

    def _flush_before_leaving(self) -> None:
        deadline = self._clock.monotonic() + self._settings.leave_seconds
        while not self.flush():
            if self._must_seek:  # stale: another agent has these events
                return
            if self._clock.monotonic() > deadline:
                log.error(
                    "leaving with %s events not in the database; the next agent reads them again",
                    self._counting.n_events,
                )
                return
            self._clock.sleep(self._settings.poll_seconds)

    def _leave(self) -> None:
        self._queue.close()
        self._source.close()
        try:
            self._dead_letters.close()
        except SourceUnavailable as error:  # the offsets are not past them, so they come again
            log.warning("%s; the next agent sends them again", error)
