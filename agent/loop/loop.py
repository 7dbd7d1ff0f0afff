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

An event's fault goes to the dead letters; the world's (no broker, no database) is retried with
back-off, with all partitions paused and the memory kept; ours (the scorer's) ends the loop.
"""

from __future__ import annotations

import logging
import threading

from driftgauge.storage import StaleFlush, StoreUnavailable

from ..counting.counting import Counting
from ..errors import SourceUnavailable
from ..events.decode import DecodePorts
from ..log import action
from ..ports import Clock, DeadLetters, EventSource, LoopStore, Scorer
from .activity import Activity, Listener, ignore
from .flush_time import FlushTime
from .lag import TIMEOUT_SECONDS, Lag
from .letters import Letters
from .loop_settings import LoopSettings
from .next_detector import Handover, NextDetector
from .outages import Outages
from .partitions import Partitions
from .pipeline import Pipeline
from .sampling import Sampler
from .shutdown import Shutdown
from .status import FlushOutcome, LoopStatus
from .unflushed import Unflushed

log = logging.getLogger(__name__)


class AgentLoop:
    """Reads one stream until it is asked to stop.

    Args:
        stop: set it to end `run`: it drains, flushes and closes the source and the dead letters.
        settings: the stream must be registered in the store.
        ports: what decoding uses besides values; None uses nothing outside the message.
        listener: receives each batch and each flush.
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
        ports: DecodePorts | None = None,
        listener: Listener = ignore,
    ) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._settings = settings
        self._stop = stop
        self._activity = Activity(clock, listener, decode_threads=settings.decode_threads)
        self._letters = Letters(dead_letters, self._activity)
        ports = ports or DecodePorts()
        self._pipeline = Pipeline(scorer, settings, ports, clock)
        self._counting = Counting(
            scorer,
            stream=settings.stream,
            window_seconds=settings.window_seconds,
            segment_names=settings.decode.segment_headers,
            max_segments=settings.max_segments,
            evidence=settings.evidence,
            predictions=ports.predictions,
            classes=settings.classes,
            alpha=settings.alpha,
            tolerated_clock_seconds=settings.max_skew_seconds,
            keep=settings.keep,
        )
        self._unflushed = Unflushed(self._pipeline, self._counting)
        self._positions = self._unflushed.positions
        self._partitions = Partitions(source, store, settings.stream, self._positions)
        self._lag = Lag(source, clock, interval_seconds=settings.lag_interval_seconds)
        self._sampler = Sampler(settings.sampling, clock)
        self._flush_time = FlushTime(interval_seconds=settings.flush_interval_seconds)
        self._outages = Outages(clock)
        self._handover = Handover()
        self._scorer = scorer
        self._shadow: str | None = None
        self._turned_at = clock.monotonic()

    def change_detector(self, following: NextDetector) -> None:
        """Score with another detector from the next batch on; safe in every thread.

        What is counted by the one before stays, and is flushed in the same transaction as what follows.
        """
        self._handover.put(following)

    def run(self) -> LoopStatus:
        """Turn until asked to stop, then drain, flush and leave; return what was done.

        Raises:
            AgentError: ScorerFault and SourceBroken: the agent cannot continue; what was not flushed
                is read again by the next one.
            StorageError: one that is not retryable.
        """
        try:
            while not self._stop.is_set():
                self.turn()
            self._finish()
        finally:
            self._leave()
        return self.status()

    def turn(self) -> None:
        """Poll once, count at most what two batches hold, and flush when it is time."""
        self._turned_at = self._clock.monotonic()
        self._take_over()
        self._publish()
        self._receive()
        if not self._outages.is_waiting:
            is_near = self._flush_time.is_near(since_flush=self._since_flush)
            self._pipeline.start(everything=is_near)
            self._collect()
        if self._flush_time.is_due(since_flush=self._since_flush):
            self.flush()
        self._balance()
        if not self._outages.is_ongoing:
            self._look_at_lag()
        self._publish()

    @property
    def _since_flush(self) -> float:
        return self._clock.monotonic() - self._activity.flushed_at

    def status(self) -> LoopStatus:
        """Return what the loop was like at the last turn, and what it did; safe in every thread."""
        return self._activity.status

    def flush(self) -> bool:
        """Write what is counted; return whether the database now has it."""
        if self._outages.is_waiting:
            return False
        start = self._clock.monotonic()
        outcome = self._try_flush()
        self._activity.flushed(outcome, self._clock.monotonic() - start)
        return outcome in ("written", "empty")

    def _try_flush(self) -> FlushOutcome:
        advances = self._unflushed.advances()
        try:
            self._letters.flush(self._settings.leave_seconds)
            self._outages.end("dead_letters")
            if advances and not self._source.is_same_topic(TIMEOUT_SECONDS):
                self._drop("the topic was recreated meanwhile")
                return "stale"
            if advances:
                self._store.flush(self._unflushed.flush_record(advances))
            else:  # an idle stream must notice that the database went away, too
                self._store.ping()
        except StaleFlush as error:
            self._drop(error)
            return "stale"
        except StoreUnavailable as error:
            self._outages.begin("database", error)
            return "failed"
        except SourceUnavailable as error:
            self._outages.begin("dead_letters", error)
            return "failed"
        self._outages.end("database")
        self._letters.tell()
        if not advances:
            return "empty"
        self._source.commit(self._unflushed.mark_flushed())
        return "written"

    def _receive(self) -> None:
        if self._outages.is_waiting_for("broker"):
            self._clock.sleep(self._settings.poll_seconds)
            return
        timeout = self._settings.poll_seconds
        if not self._outages.is_waiting:
            until_flush = self._flush_time.poll_seconds(since_flush=self._since_flush)
            timeout = self._pipeline.poll_timeout(min(timeout, until_flush))
        start = self._clock.monotonic()
        try:
            polled = self._source.poll(timeout)
        except SourceUnavailable as error:
            self._forget()
            self._outages.begin("broker", error)
            return
        if self._outages.is_retried("broker"):
            self._outages.end("broker")
        stage = "poll" if polled.records else "idle"
        self._activity.spent(stage, self._clock.monotonic() - start)
        if polled.assignment_changed:
            self._reassigned()
        elif not self._positions.is_known:
            self._seek()
        else:
            n_records, n_left_out = self._unflushed.accept(polled, self._sampler)
            self._activity.consumed(n_records, n_sampled_out=n_left_out)

    def _take_over(self) -> None:
        """Let the detector that was handed over score from the next batch on."""
        following = self._handover.take()
        if following is None:
            return
        before, self._scorer = self._scorer.detector, following.scorer
        self._shadow = following.shadow
        self._pipeline.use(following.scorer, following.taps)
        self._counting.use(following.scorer, following.keep, following.classes)
        log.info(
            "detector %s scores from the next batch on, in place of %s; beside it: %s",
            *(self._scorer.detector, before, following.shadow or "none"),
            extra=action(
                "detector_changed",
                detector=self._scorer.detector,
                before=before,
                shadow=following.shadow,
            ),
        )

    def _look_at_lag(self) -> None:
        self._lag.look(self._positions.positions())
        self._sampler.follow(self._lag.reading)
        if self._lag.silence is None:
            self._outages.end("broker")
        else:
            self._outages.notice("broker", self._lag.silence)

    def _reassigned(self) -> None:
        """Save what can be saved: the guard refuses it if a new owner was quicker."""
        self._unflushed.drop_unscored()
        if self._unflushed.advances():
            self.flush()
        self._forget()
        self._seek()

    def _seek(self) -> None:
        if self._outages.is_waiting:
            return
        try:
            if self._partitions.seek():
                self._counting.remember(self._store.segments(self._settings.stream))
                self._outages.end("database")
        except StoreUnavailable as error:
            self._outages.begin("database", error)

    def _balance(self) -> None:
        """Pause all partitions while memory is full or something does not answer, else resume all."""
        must_pause = self._outages.is_ongoing or self._pipeline.is_full
        self._partitions.balance(must_pause=must_pause, may_resume=self._pipeline.has_room)

    def _collect(self) -> None:
        """Count what is scored; wait a moment for the oldest batch, since others wait for it."""
        batch = self._pipeline.oldest(self._settings.poll_seconds)
        while batch is not None:
            try:
                self._letters.send(batch)
            except SourceUnavailable as error:
                self._outages.begin("dead_letters", error)
                return
            with self._activity.stage("count"):
                self._unflushed.count(batch)
            self._flush_time.took(self._clock.monotonic() - batch.since)
            self._activity.counted(batch.judged)
            batch = self._pipeline.oldest(0)

    def _drop(self, reason: object) -> None:
        log.warning(
            "dropping %s counted events, to read them again: %s",
            self._unflushed.n_events,
            reason,
            extra=action("counts_dropped", events=self._unflushed.n_events),
        )
        self._forget()

    def _forget(self) -> None:
        """Drop what is not in the database; the partitions' owners read these events again."""
        self._activity.dropped(self._unflushed.drop())

    def _finish(self) -> None:
        """Score what waits and write it, as far as the time allows."""
        shutdown = Shutdown(self._clock, self._settings, self._unflushed)
        shutdown.drain(self._collect, until=lambda: self._outages.is_ongoing)
        shutdown.flush(self.flush, until=lambda: not self._positions.is_known)
        self._publish()

    def _leave(self) -> None:
        self._pipeline.close(self._settings.close_seconds)
        self._source.close()
        try:
            self._letters.close()
        except SourceUnavailable as error:  # the offsets are not past them, so they come again
            log.warning("%s; the next agent sends them again", error, extra=action("letters_left"))

    def _publish(self) -> None:
        busy_since = self._pipeline.busy_since
        self._activity.publish(
            turned_at=self._turned_at if busy_since is None else min(busy_since, self._turned_at),
            partitions=self._positions.owned,
            is_paused=self._partitions.is_paused,
            detector=self._scorer.detector,
            shadow=self._shadow,
            n_layers=max(len(self._scorer.columns) - 1, 0),
            unavailable=self._outages.unavailable,
            n_waiting=len(self._pipeline),
            lag=self._lag.reading,
            n_other=self._counting.n_other,
            n_kept=self._counting.n_kept,
            n_keep_lost=self._counting.n_keep_lost,
            missing_segments=self._counting.missing_segments,
            n_wrong_clocks=self._counting.clocks.n_wrong,
            worst_clock_seconds=self._counting.clocks.worst_offset_seconds,
        )
