"""The loop: poll, decode, score, count, flush.

Decoding and scoring run in threads of their own (`Pipeline`); everything else, and every decision,
in the loop's. So it polls on while a batch is scored, however long that takes.

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

from driftgauge.storage import StaleFlush, StoreUnavailable

from ..counting.counting import Counting
from ..errors import SourceUnavailable
from ..events.event import Event, LeftOut
from ..log import action
from ..ports import Clock, DeadLetters, EventSource, LoopStore, Scorer
from .condition import Condition
from .lag import Lag
from .last_turns import LastTurns
from .letters import Letters
from .loop_settings import LoopSettings, Totals
from .meter import Meter
from .outage import Outage
from .partitions import Partitions
from .pipeline import Pipeline
from .sampling import Sampler
from .scoring import Judged
from .timing import StageTimer

log = logging.getLogger(__name__)


class AgentLoop:
    """Reads one stream until it is asked to stop.

    Args:
        stop: set it to end `run`: it drains, flushes and closes the source and the dead letters.
        settings: the stream must be registered in the store.
        meter: told what happens; None tells nobody.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        dead_letters: DeadLetters,
        scorer: Scorer,
        store: LoopStore,
        clock: Clock,
        settings: LoopSettings,
        stop: threading.Event,
        meter: Meter | None = None,
    ) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._settings = settings
        self._stop = stop
        self._meter = meter or Meter()
        self._letters = Letters(dead_letters, self._meter)
        self._pipeline = Pipeline(scorer, settings, clock)
        self._counting = Counting(
            scorer,
            stream=settings.stream,
            window_seconds=settings.window_seconds,
            segment_names=settings.decode.segment_headers,
            max_segments=settings.max_segments,
            evidence=settings.evidence,
            answers=settings.decode.answers,
        )
        self._partitions = Partitions(source, store, settings.stream)
        self._positions = self._partitions.positions
        self._lag = Lag(source, clock, interval_seconds=settings.lag_interval_seconds)
        self._sampler = Sampler(settings.sampling, clock)
        self._outage = Outage(clock)
        self._flushed_at = clock.monotonic()
        self._n_skewed = 0
        self._turned_at = clock.monotonic()
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
            self._finish()
        finally:
            self._leave()
        return self.totals

    def turn(self) -> None:
        """Poll once, count at most what two batches hold, and flush when it is time."""
        self._turned_at = self._clock.monotonic()
        self._receive()
        if not self._outage.is_waiting:
            self._pipeline.start()
            self._collect()
        if self._clock.monotonic() - self._flushed_at >= self._settings.flush_interval_seconds:
            self.flush()
        self._balance()
        if not self._outage.lasts:
            self._lag.look(self._positions.positions())
            self._sampler.follow(self._lag.reading)

    @property
    def turned_at(self) -> float:
        """Monotonic time of the last turn, or of the handing over of a batch that is not back yet."""
        busy_since = self._pipeline.busy_since
        return self._turned_at if busy_since is None else min(busy_since, self._turned_at)

    def flush(self) -> bool:
        """Write what is counted; return whether the database now has it."""
        if self._outage.is_waiting:
            return False
        advances = self._positions.advances()
        start = self._clock.monotonic()
        try:
            with self.timer.stage("flush"):
                self._letters.flush(self._settings.leave_seconds)
                if advances:
                    self._store.flush(self._counting.flush_record(advances))
        except StaleFlush as error:
            self._meter.flushed("stale", self._clock.monotonic() - start)
            self._drop(error)
            return False
        except (StoreUnavailable, SourceUnavailable) as error:
            self._meter.flushed("failed", self._clock.monotonic() - start)
            self._outage.begin(error)
            return False
        self._meter.flushed("written" if advances else "empty", self._clock.monotonic() - start)
        self._after_flush(wrote=bool(advances))
        return True

    def condition(self) -> Condition:
        """Return what the loop is like now; safe in every thread."""
        return Condition(
            turned_at=self.turned_at,
            flushed_at=self._flushed_at,
            partitions=frozenset(self._positions.positions()),
            is_paused=self._partitions.is_paused,
            absent=self._outage.absent,
            n_waiting=len(self._pipeline),
            n_skewed=self._n_skewed,
            n_bounded=self._counting.n_bounded,
            lag=self._lag.reading,
            stage_seconds=self.stage_seconds(),
        )

    def stage_seconds(self) -> dict[str, float]:
        """Return where the time went so far.

        ``decode`` and ``prepare`` are busy time of the decoding threads; ``decode_wait`` is what the
        scorer waited for them, and ``score`` what it was busy itself, of which ``score.NAME`` are
        parts; all beside the loop.
        """
        return self.timer.seconds()

    def _receive(self) -> None:
        timeout = self._settings.poll_seconds
        if not self._outage.is_waiting:
            timeout = self._pipeline.patience(timeout)
        start = self._clock.monotonic()
        try:
            polled = self._source.poll(timeout)
        except SourceUnavailable as error:
            self._forget()
            self._outage.begin(error)
            self._clock.sleep(self._settings.poll_seconds)
            return
        stage = "poll" if polled.records else "idle"
        self.timer.add(stage, self._clock.monotonic() - start)
        if polled.assignment_changed:
            self._reassigned()
        elif self._partitions.must_seek:
            self._seek()
        else:
            for record, reason in polled.unreadable:
                if self._positions.accept(record):
                    self._pipeline.put_error(record, reason)
            accepted = [record for record in polled.records if self._positions.accept(record)]
            one_in = [self._sampler.one_in(record) for record in accepted]
            self._meter.consumed(len(accepted))
            self._meter.sampled_out(one_in.count(0))
            self._pipeline.put(accepted, one_in)

    def _reassigned(self) -> None:
        """Save what can be saved: the guard refuses it if a new owner was quicker."""
        self._clear()
        if self._positions.advances():
            self.flush()
        self._forget()
        self._seek()

    def _seek(self) -> None:
        if self._outage.is_waiting:
            return
        try:
            if self._partitions.seek():
                self._outage.end()
        except StoreUnavailable as error:
            self._outage.begin(error)

    def _balance(self) -> None:
        """Pause all partitions while memory is full or the world is away, else resume all."""
        must_pause = self._outage.lasts or self._pipeline.is_full
        self._partitions.balance(must_pause=must_pause, may_resume=self._pipeline.has_room)

    def _collect(self) -> None:
        """Count what is scored; wait a moment for the oldest batch, since others wait for it."""
        judged = self._pipeline.oldest(self._settings.poll_seconds)
        while judged is not None:
            try:
                self._letters.send(judged)
            except SourceUnavailable as error:
                self._outage.begin(error)
                return
            self._count(judged)
            judged = self._pipeline.oldest(0)

    def _count(self, judged: Judged) -> None:
        for stage, seconds in judged.seconds.items():
            self.timer.add(stage, seconds)
        if judged.scored is not None:
            with self.timer.stage("count"):
                self._counting.count(judged.events, judged.scored)
            self._meter.scored(judged.scored)
            self.totals.events += len(judged.events)
        for found in judged.outcomes:
            event_time = found.outcome.event_time if isinstance(found.outcome, Event) else None
            is_left_out = isinstance(found.outcome, LeftOut)
            self._positions.count(found.record, event_time, is_left_out=is_left_out)
            self._n_skewed += found.is_skewed
        self.totals.dead_letters = self._letters.n_sent
        self._pipeline.pop()
        self._letters.forget_batch()

    def _after_flush(self, *, wrote: bool) -> None:
        self._outage.end()
        self._flushed_at = self._clock.monotonic()
        self._letters.tell()
        if wrote:
            self.totals.flushes += 1
            self._source.commit(self._positions.mark_flushed())
            self._counting.mark_flushed()

    def _drop(self, error: StaleFlush) -> None:
        log.warning(
            "dropping %s counted events, reading anew: %s",
            self._counting.n_events,
            error,
            extra=action("counts_dropped", events=self._counting.n_events),
        )
        self.totals.stale_flushes += 1
        self._forget()

    def _forget(self) -> None:
        """Drop what is not in the database; the events will be read again, by whoever owns them."""
        self.totals.drop(self._counting.n_events)
        self._meter.dropped(self._counting.n_events)
        self._clear()
        self._counting.drop()
        self._partitions.forget()
        self._lag.forget()

    def _clear(self) -> None:
        self._pipeline.clear()
        self._letters.forget_batch()

    def _finish(self) -> None:
        """Score what waits and write it, as far as the time allows."""
        last = LastTurns(self._clock, self._settings)
        last.drain(self._pipeline, self._collect, until=lambda: self._outage.lasts)
        last.flush(self.flush, self._counting, until=lambda: self._partitions.must_seek)

    def _leave(self) -> None:
        self._pipeline.close(self._settings.poll_seconds)
        self._source.close()
        try:
            self._letters.close()
        except SourceUnavailable as error:  # the offsets are not past them, so they come again
            log.warning("%s; the next agent sends them again", error, extra=action("letters_left"))
