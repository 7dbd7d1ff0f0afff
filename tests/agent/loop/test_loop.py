"""The loop on a topic in memory and a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import ScorerFault, SourceUnavailable
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.ports import Partition, Polled, Record, Scored, Scorer
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.storage import FlushRecord, Store, StoreUnavailable

from ...stores import upgraded
from ..records import NOON, encoded, jpeg, picture
from ..scorer import BrightnessScorer

STREAM = "line"
SETTINGS = LoopSettings(
    stream=STREAM,
    decode=DecodeSettings(segment_headers=("camera",)),
    max_images=4,
    max_delay_seconds=0.5,
    max_waiting=8,
    flush_interval_seconds=5,
)


class FlakyStore:
    """The real store, whose next calls can be made to fail, before or after they took effect."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fail_before = 0
        self.fail_after = 0

    def flush(self, flush: FlushRecord) -> None:
        self._fail_before()
        self._store.flush(flush)
        if self.fail_after:
            self.fail_after -= 1
            raise StoreUnavailable("the connection broke after the commit")

    def ping(self) -> None:
        self._fail_before()
        self._store.ping()

    def note_topic(self, stream: str, topic: str, topic_id: str) -> str | None:
        return self._store.note_topic(stream, topic, topic_id)

    def offsets(self, stream: str, partitions: frozenset[Partition]) -> dict[Partition, int]:
        self._fail_before()
        return self._store.offsets(stream, partitions)

    def segments(self, stream: str) -> Mapping[str, datetime]:
        return self._store.segments(stream)

    def _fail_before(self) -> None:
        if self.fail_before:
            self.fail_before -= 1
            raise StoreUnavailable("the database is away")


@dataclass
class Rig:
    store: Store
    topic: MemoryTopic = field(default_factory=lambda: MemoryTopic("frames", partitions=2))
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON + timedelta(seconds=30)))
    letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.flaky = FlakyStore(self.store)
        self.source = MemorySource(self.topic, auto_offset_reset="earliest")

    def send(self, n: int, *, level: int = 90, partition: int = 0, camera: str = "3") -> None:
        for _ in range(n):
            self.topic.append(
                jpeg(level),
                headers={"camera": camera.encode()},
                partition=partition,
                timestamp_ms=round(NOON.timestamp() * 1000),
            )

    def loop(
        self, settings: LoopSettings = SETTINGS, scorer: Scorer | None = None, **others: object
    ) -> AgentLoop:
        parts: dict[str, object] = {
            "source": self.source,
            "dead_letters": self.letters,
            "scorer": scorer or BrightnessScorer(),
            "store": self.flaky,
            "clock": self.clock,
            "settings": settings,
            "stop": self.stop,
        }
        return AgentLoop(**(parts | others))  # type: ignore[arg-type] # checked where it is built

    def turn(self, loop: AgentLoop, n: int = 1) -> None:
        for _ in range(n):
            loop.turn()
            self.clock.sleep(0.3)

    @property
    def counts(self) -> dict[str, int]:
        return self.store.event_counts(STREAM)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database)
    store.ensure_stream(STREAM, "frames", 60)
    return Rig(store)


def finish(rig: Rig, loop: AgentLoop) -> None:
    """Turn until everything sent has been read, then leave as on SIGTERM."""
    rig.turn(loop, 60)
    rig.stop.set()
    loop.run()


def test_every_event_counts_once_in_all_and_in_its_segment(rig: Rig) -> None:
    rig.send(10, camera="3")
    rig.send(7, camera="4", partition=1)
    loop = rig.loop()
    finish(rig, loop)
    assert rig.counts == {"*": 17, "camera=3": 10, "camera=4": 7}
    assert loop.status().n_counted == 17
    assert rig.store.offsets(STREAM, rig.topic.partitions) == {("frames", 0): 10, ("frames", 1): 7}
    assert rig.source.committed == {("frames", 0): 10, ("frames", 1): 7}
    assert rig.source.is_closed
    assert rig.letters.is_closed


def test_counts_fall_into_the_windows_of_event_time(rig: Rig) -> None:
    rig.send(5)
    rig.send(3, level=240)
    finish(rig, rig.loop())
    windows = rig.store.windows(STREAM, "brightness-1", after=None, until=NOON + timedelta(days=1))
    assert {window.window_start for window in windows} == {NOON}
    combined = next(w for w in windows if w.segment == "*" and w.layer == "*")
    assert combined.events == 8
    assert sum(combined.counts[:3]) == 3
    assert {window.layer for window in windows} == {"early", "*"}


def test_an_event_from_the_future_counts_at_its_arrival(rig: Rig) -> None:
    year_ahead = NOON + timedelta(days=365)
    rig.topic.append(jpeg(), headers={"ce_time": year_ahead.isoformat().encode()})
    finish(rig, rig.loop())
    windows = rig.store.windows(
        STREAM, "brightness-1", after=None, until=datetime.max.replace(tzinfo=UTC)
    )
    assert {window.window_start for window in windows} == {NOON}


def test_bad_events_go_to_the_dead_letters_and_the_stream_goes_on(rig: Rig) -> None:
    bad = [b"", b"some text", b"<html>", jpeg()[:100]]
    for value in bad:
        rig.topic.append(value)
        rig.send(2)
    loop = rig.loop()
    finish(rig, loop)
    assert rig.counts["*"] == 8
    assert loop.status().n_dead_letters == 4
    reasons = [dict(letter.headers) for letter in rig.letters.stored]
    assert [reason["dlq_offset"] for reason in reasons] == [b"0", b"3", b"6", b"9"]
    assert all(reason["dlq_message"] for reason in reasons)


def test_tombstones_are_passed_over_and_counted_and_no_dead_letters(rig: Rig) -> None:
    for _ in range(3):
        rig.topic.append(None)
        rig.send(1)
    loop = rig.loop()
    finish(rig, loop)
    assert rig.counts["*"] == 3
    assert rig.letters.stored == []
    status = loop.status()
    assert (status.n_tombstones, status.n_dead_letters) == (3, 0)
    assert rig.store.offsets(STREAM, rig.topic.partitions)["frames", 0] == 6


def test_dead_letters_are_stored_before_the_offset_moves_past_them(rig: Rig) -> None:
    rig.topic.append(b"text")
    rig.send(1)
    rig.letters.fail_next(2)
    loop = rig.loop()
    rig.turn(loop, 18)
    assert rig.store.offsets(STREAM, rig.topic.partitions) == {}
    finish(rig, loop)
    assert rig.store.offsets(STREAM, rig.topic.partitions)["frames", 0] == 2
    assert len(rig.letters.stored) == 1


def test_a_topic_of_bad_events_only_still_moves_its_offset(rig: Rig) -> None:
    for _ in range(9):
        rig.topic.append(b"text")
    finish(rig, rig.loop())
    assert rig.store.offsets(STREAM, rig.topic.partitions)["frames", 0] == 9
    assert rig.counts == {}


def test_offsets_with_gaps_are_followed_not_computed(rig: Rig) -> None:
    rig.send(3)
    rig.topic.skip(5)
    rig.send(2)
    rig.topic.skip(1)
    finish(rig, rig.loop())
    assert rig.counts["*"] == 5
    assert rig.store.offsets(STREAM, rig.topic.partitions)["frames", 0] == 10


def test_an_agent_that_dies_between_flushes_loses_and_doubles_nothing(rig: Rig) -> None:
    rig.send(40)
    for turns in (3, 7, 19, 11):
        rig.source = MemorySource(rig.topic, auto_offset_reset="earliest", max_records=3)
        rig.turn(rig.loop(), turns)
    rig.source = MemorySource(rig.topic, auto_offset_reset="earliest")
    finish(rig, rig.loop())
    assert rig.counts["*"] == 40


def test_an_agent_that_began_at_the_end_begins_there_again_after_a_crash(rig: Rig) -> None:
    rig.send(5)
    rig.source = MemorySource(rig.topic, auto_offset_reset="latest")
    rig.turn(rig.loop(), 20)
    rig.send(4)
    rig.source = MemorySource(rig.topic, auto_offset_reset="latest")
    finish(rig, rig.loop())
    assert rig.counts["*"] == 4


def test_a_flush_that_is_stale_is_dropped_and_read_anew(rig: Rig) -> None:
    rig.send(20)
    ours, theirs = (
        rig.loop(),
        rig.loop(source=MemorySource(rig.topic, auto_offset_reset="earliest")),
    )
    for _ in range(40):
        rig.turn(ours)
        rig.turn(theirs)
    finish(rig, ours)
    assert sum(loop.status().flushes.get("stale", 0) for loop in (ours, theirs)) >= 1
    assert rig.counts["*"] == 20


def test_a_rebalance_hands_partitions_over_without_loss(rig: Rig) -> None:
    zero, one = ("frames", 0), ("frames", 1)
    second = MemorySource(rig.topic, auto_offset_reset="earliest", assigned=frozenset())
    ours, theirs = rig.loop(), rig.loop(source=second)
    for turn in range(60):
        rig.send(1)
        rig.send(1, partition=1)
        if turn % 10 == 5:
            rig.source.reassign(frozenset({zero}))
            second.reassign(frozenset({one}))
        if turn % 10 == 9:
            second.reassign(frozenset())
            rig.source.reassign(frozenset({zero, one}))
        rig.turn(ours)
        rig.turn(theirs)
    second.reassign(frozenset())
    rig.source.reassign(frozenset({zero, one}))
    rig.turn(theirs)
    finish(rig, ours)
    assert rig.counts["*"] == 120


def test_memory_is_kept_while_the_database_is_away(rig: Rig) -> None:
    rig.send(30)
    loop = rig.loop()
    rig.turn(loop, 3)
    rig.flaky.fail_before = 4
    rig.turn(loop, 40)
    assert not rig.source.poll(0).records
    finish(rig, loop)
    assert rig.counts["*"] == 30
    assert loop.status().n_dropped == 0


def test_a_commit_that_was_not_heard_of_is_not_repeated(rig: Rig) -> None:
    rig.send(12)
    loop = rig.loop()
    rig.flaky.fail_after = 2
    finish(rig, loop)
    assert loop.status().flushes["stale"] >= 1
    assert rig.counts["*"] == 12


def test_an_agent_waits_for_a_database_that_is_away_at_its_start(rig: Rig) -> None:
    rig.send(3)
    rig.flaky.fail_before = 3
    finish(rig, rig.loop())
    assert rig.counts["*"] == 3


def test_a_lone_image_is_scored_at_once(rig: Rig) -> None:
    loop = rig.loop()
    rig.turn(loop)
    rig.send(1)
    loop.turn()
    assert loop.status().n_counted == 1


def test_a_small_batch_waits_while_others_are_expected_and_no_longer(rig: Rig) -> None:
    loop = rig.loop()
    rig.turn(loop)
    for _ in range(30):  # four a second
        rig.send(1)
        loop.turn()
        rig.clock.sleep(0.25)
    rig.turn(loop, 3)
    seen = loop.status().n_counted
    assert seen == 30
    rig.send(1)
    loop.turn()
    assert loop.status().n_counted == seen
    rig.clock.sleep(0.6)
    loop.turn()
    assert loop.status().n_counted == seen + 1


def test_a_flush_takes_along_what_still_waits_for_its_batch_to_fill(rig: Rig) -> None:
    loop = rig.loop(replace(SETTINGS, max_delay_seconds=60, max_images=64, max_waiting=256))
    rig.turn(loop, 3)
    rig.send(40)
    loop.turn()
    assert loop.status().n_waiting == 40, "the batch waits to fill"
    rig.clock.sleep(5)
    loop.turn()
    assert rig.counts["*"] == 40


def test_a_scorers_fault_ends_the_loop_with_the_events_named(rig: Rig) -> None:
    class Broken(BrightnessScorer):
        def score(self, images: object, uniforms: object, segments: object = ()) -> Scored:
            raise RuntimeError("layer4 never fired")

    rig.send(2)
    loop = rig.loop(scorer=Broken())
    with pytest.raises(ScorerFault, match=r"frames/0@0 \(frames/0/0\) to frames/0@1.*never fired"):
        loop.run()
    assert rig.source.is_closed
    assert rig.counts == {}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda scored: replace(scored, p_values=scored.p_values * 0), "not in"),
        (lambda scored: replace(scored, scores=scored.scores * np.nan), "scores are not finite"),
        (lambda scored: replace(scored, scores=scored.scores[:, :1]), r"shape \(2, 1\), wanted"),
    ],
)
def test_a_scorer_that_breaks_its_promise_is_not_counted(
    rig: Rig, spoil: Callable[[Scored], Scored], words: str
) -> None:
    class Spoilt(BrightnessScorer):
        def score(
            self,
            images: Sequence[NDArray[np.uint8]],
            uniforms: NDArray[np.float64],
            segments: Sequence[Mapping[str, str]] = (),
        ) -> Scored:
            return spoil(super().score(images, uniforms))

    rig.send(2)
    with pytest.raises(ScorerFault, match=words):
        rig.loop(scorer=Spoilt()).run()
    assert rig.counts == {}


def test_evidence_holds_the_most_unusual_and_a_typical_event(rig: Rig) -> None:
    rig.send(40)
    rig.topic.append(encoded(picture(240, (400, 300))), timestamp_ms=round(NOON.timestamp() * 1000))
    finish(rig, rig.loop())
    unusual = rig.store.evidence(STREAM, segment="*", kind="unusual")
    typical = rig.store.evidence(STREAM, segment="*", kind="typical")
    assert unusual[0].offset == 40
    assert unusual[0].p_value < 0.001
    assert set(unusual[0].layer_p_values) == {"early"}
    assert unusual[0].thumbnail is not None
    assert len(typical) == 1
    assert abs(typical[0].p_value - 0.5) < 0.2


def test_stages_and_statistics_are_told(rig: Rig) -> None:
    rig.send(10)
    loop = rig.loop()
    finish(rig, loop)
    assert {"poll", "decode", "decode_wait", "score", "count", "flush"} <= set(
        loop.status().stage_seconds
    )
    summaries = {summary.layer: summary for summary in rig.store.summaries(STREAM)}
    assert summaries["*"].events == 10
    assert summaries["*"].minimum <= summaries["*"].p50 <= summaries["*"].maximum


def test_a_broker_that_does_not_answer_is_waited_for(rig: Rig) -> None:
    class Unsteady(MemorySource):
        failures = 2

        def poll(self, timeout_seconds: float) -> Polled:
            if self.failures:
                self.failures -= 1
                self.reassign(self.assignment())
                raise SourceUnavailable("nobody answers")
            return super().poll(timeout_seconds)

    rig.send(5)
    rig.source = Unsteady(rig.topic, auto_offset_reset="earliest")
    finish(rig, rig.loop())
    assert rig.counts["*"] == 5


def test_a_batch_waits_for_a_full_dead_letter_box(rig: Rig) -> None:
    class Full(MemoryDeadLetters):
        refusals = 2

        def send(self, record: Record, *, error: str, message: str) -> None:
            if self.refusals:
                self.refusals -= 1
                raise SourceUnavailable("16 MB are outstanding")
            super().send(record, error=error, message=message)

    rig.send(2)
    rig.topic.append(b"text")
    rig.send(3)
    rig.letters = Full()
    finish(rig, rig.loop())
    assert rig.counts["*"] == 5
    assert len(rig.letters.stored) == 1


def test_leaving_takes_no_longer_than_it_may(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.send(20)
    loop = rig.loop(replace(SETTINGS, drain_seconds=-1.0, leave_seconds=3.0, max_images=2))
    rig.turn(loop, 2)
    loop.turn()
    rig.flaky.fail_before = 99
    rig.stop.set()
    loop.run()
    assert "records were not scored in time; the next agent reads them" in caplog.text
    assert "events that are not in the database; the next agent reads them again" in caplog.text
    assert rig.source.is_closed
    assert rig.counts == {}


def test_a_stale_last_flush_is_left_to_the_other_agent(rig: Rig) -> None:
    rig.send(6)
    ours = rig.loop()
    rig.turn(ours, 4)
    other = MemorySource(rig.topic, auto_offset_reset="earliest")
    finish(rig, rig.loop(source=other))
    ours.run()
    assert rig.counts["*"] == 6


def test_letters_that_stay_behind_do_not_hold_up_leaving(rig: Rig) -> None:
    rig.topic.append(b"text")
    loop = rig.loop(replace(SETTINGS, leave_seconds=1.0))
    rig.turn(loop, 2)
    rig.letters.fail_next(99)
    rig.stop.set()
    loop.run()
    assert rig.source.is_closed
    assert rig.store.offsets(STREAM, rig.topic.partitions) == {}
