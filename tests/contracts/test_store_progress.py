"""Every count is judged exactly once, whatever comes between, on both databases."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from driftgauge.storage import (
    Claim,
    HistogramRows,
    Judgement,
    MonitorState,
    OffsetAdvance,
    RecordConflict,
    SegmentAdvance,
    SegmentProgress,
    Store,
    WindowRecord,
)

from ..stores import DETECTOR, START, STREAM, TOPIC, HandClock, flush, window

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Log:
    """A partition of its own for each flush, so that offsets say nothing here."""

    def __init__(self, store: Store) -> None:
        self.store, self.n = store, 0

    def count(
        self, *windows: WindowRecord, newest: datetime | None = None, offset: float | None = None
    ) -> None:
        self.n += 1
        segments = [SegmentAdvance(w.segment, newest or w.window_start, offset) for w in windows]
        advance = OffsetAdvance(TOPIC, self.n, None, 1, newest)
        self.store.flush(flush(advance, windows=windows, segments=segments))


@pytest.fixture
def log(store: Store) -> Log:
    return Log(store)


def claim(store: Store, *, idle: float = 60, grace: float = 10) -> Claim:
    return store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=idle, grace_seconds=grace
    )


def judge(store: Store, taken: Claim) -> None:
    state = store.monitor_state(STREAM)
    cursor = state.cursor if state else None
    store.judge(Judgement(STREAM, cursor, MonitorState(START, ""), claim=taken))


def starts(windows: HistogramRows) -> list[tuple[str, float]]:
    return [(w.segment, (w.window_start - START) / MINUTE) for w in windows]


def test_nothing_is_closed_before_the_first_event(store: Store) -> None:
    taken = claim(store)
    assert (len(taken.windows), taken.late, taken.progress) == (0, [], [])


def test_a_window_closes_when_its_own_segment_has_passed_its_end_and_the_grace(
    store: Store, log: Log
) -> None:
    log.count(window({0: 1}, segment="camera=3"), newest=START + 69 * SECOND)
    log.count(window({0: 1}, segment="camera=4"), newest=START + 70 * SECOND)
    log.count(window({0: 1}, segment="camera=5", minute=-999))
    assert starts(claim(store).windows) == [("camera=4", 0)]


def test_a_silent_segment_is_as_far_as_the_databases_clock_and_then_closed_altogether(
    store: Store, log: Log, clock: HandClock
) -> None:
    log.count(window({0: 1}, segment="camera=3"), newest=START + SECOND)
    log.count(window({0: 1}, segment="camera=4", minute=400), newest=START + 400 * MINUTE)
    clock.advance(59)
    assert starts(claim(store).windows) == []
    clock.advance(11)
    assert starts(claim(store).windows) == [("camera=3", 0)]
    clock.advance(49)
    assert starts(claim(store).windows) == [("camera=3", 0)]
    clock.advance(1)
    assert starts(claim(store).windows) == [("camera=3", 0), ("camera=4", 400)]


def test_the_whole_stream_waits_for_parts_that_are_near_and_for_no_other(
    store: Store, log: Log
) -> None:
    def count(part: str, minute: float) -> None:
        newest = START + minute * MINUTE
        log.count(
            window({0: 1}, segment=part, minute=int(minute)),
            window({0: 1}, minute=int(minute)),
            newest=newest,
        )

    count("camera=3", 10.5)
    count("camera=4", 8.5)
    count("camera=5", -300)
    assert ("*", 8) not in starts(claim(store).windows)
    count("camera=4", 10.5)
    assert {minute for segment, minute in starts(claim(store).windows) if segment == "*"} == {
        -300,
        8,
    }


def test_what_is_counted_after_a_claim_is_late_and_judged_once(store: Store, log: Log) -> None:
    log.count(window({0: 1}), newest=START + 5 * MINUTE)
    first = claim(store)
    log.count(window({3: 2}), newest=START + 5 * MINUTE)
    judge(store, first)
    second = claim(store)
    assert starts(second.windows) == []
    assert [(row.window_start, row.counts[3], sum(row.counts)) for row in second.late] == [
        (START, 2, 2)
    ]
    judge(store, second)
    assert claim(store).late == []
    assert store.windows(STREAM, DETECTOR, after=None, until=START + MINUTE)[0].events == 3


def test_a_claim_that_was_never_judged_is_made_again_with_all_that_came_since(
    store: Store, log: Log
) -> None:
    log.count(window({0: 1}), newest=START + 5 * MINUTE)
    claim(store)
    log.count(window({3: 2}), newest=START + 5 * MINUTE)
    again = claim(store)
    assert [w.events for w in again.windows] == [3]
    assert again.late == []


def test_a_claim_that_another_turn_has_overtaken_judges_nothing(store: Store, log: Log) -> None:
    log.count(window({0: 1}), newest=START + 5 * MINUTE)
    slow = claim(store)
    log.count(window({3: 2}), newest=START + 5 * MINUTE)
    quick = claim(store)
    with pytest.raises(RecordConflict, match="another turn of the monitor"):
        judge(store, slow)
    judge(store, quick)
    log.count(window({3: 2}), newest=START + 5 * MINUTE)
    slow, quick = claim(store), claim(store)
    judge(store, quick)
    with pytest.raises(RecordConflict, match="another turn of the monitor"):
        judge(store, slow)


def test_progress_is_of_each_detector_and_segment(store: Store, log: Log) -> None:
    log.count(window({0: 1}, segment="camera=3"), newest=START + 30 * SECOND, offset=-3600.0)
    log.count(window({0: 1}, segment="camera=3", minute=-9), newest=START - 9 * MINUTE, offset=0.5)
    assert store.segment_progress(STREAM, "another") == []
    assert store.segment_progress(STREAM, DETECTOR) == [
        SegmentProgress("camera=3", START + 30 * SECOND, START, 0.5, None, None, 0, START, 2)
    ]


def test_counts_wait_from_when_the_oldest_came_until_a_turn_has_judged_them(
    store: Store, log: Log, clock: HandClock
) -> None:
    assert store.waiting_seconds(STREAM, DETECTOR) is None
    log.count(window({0: 1}), newest=START)
    clock.advance(30)
    log.count(window({0: 1}), newest=START + 5 * MINUTE)
    clock.advance(30)
    assert store.waiting_seconds(STREAM, DETECTOR) == 60.0
    taken = claim(store)
    assert store.waiting_seconds(STREAM, DETECTOR) == 60.0, "a claim is no judgement"
    clock.advance(5)
    judge(store, taken)
    assert store.waiting_seconds(STREAM, DETECTOR) == 5.0, "its newest window is open still"
    clock.advance(300)
    judge(store, claim(store))
    assert store.waiting_seconds(STREAM, DETECTOR) is None


def test_late_counts_wait_until_they_are_judged_whatever_their_dates(
    store: Store, log: Log, clock: HandClock
) -> None:
    log.count(window({0: 1}), newest=START)
    clock.advance(300)
    judge(store, claim(store))
    log.count(window({0: 1}, minute=-600), newest=START - 600 * MINUTE)
    clock.advance(70)
    assert store.waiting_seconds(STREAM, DETECTOR) == 70.0
    judge(store, claim(store))
    assert store.waiting_seconds(STREAM, DETECTOR) is None


def test_what_is_counted_between_claim_and_judgement_still_waits(
    store: Store, log: Log, clock: HandClock
) -> None:
    log.count(window({0: 1}), newest=START)
    clock.advance(300)
    taken = claim(store)
    clock.advance(1)
    log.count(window({0: 1}), newest=START)
    judge(store, taken)
    clock.advance(9)
    assert store.waiting_seconds(STREAM, DETECTOR) == 10.0


def test_a_name_too_long_for_the_database_is_judged_like_any_other(store: Store, log: Log) -> None:
    name = "camera=" + "x" * 2000
    log.count(window({0: 1}, segment=name), newest=START + 5 * MINUTE)
    judge(store, claim(store))
    log.count(window({0: 1}, segment=name), newest=START + 5 * MINUTE)
    assert [sum(row.counts) for row in claim(store).late] == [1]


class Race:
    """Agents that count at random, into past windows too, and turns that are lost or overtaken."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.counted: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        self.is_over = threading.Event()
        self.failures: list[BaseException] = []
        self._guard = threading.Lock()

    def agent(self, number: int) -> None:
        rng = random.Random(number)
        for step in range(25):
            newest = START + step * MINUTE
            minute, events = max(0, step - rng.choice((0, 0, 1, 3, 9))), rng.randrange(1, 5)
            segments = (f"camera={rng.randrange(3)}", "*")
            self.store.flush(
                flush(
                    OffsetAdvance(TOPIC, number, step or None, step + 1, newest),
                    windows=[window({0: events}, segment=s, minute=minute) for s in segments],
                    segments=[SegmentAdvance(s, newest) for s in segments],
                )
            )
            self._add(self.counted, dict.fromkeys(segments, events))

    def monitor(self, number: int) -> None:
        rng = random.Random(100 + number)
        while not self.is_over.is_set():
            taken = claim(self.store, grace=0)
            if rng.random() < 0.3:
                continue  # killed before it judged
            with contextlib.suppress(RecordConflict):  # overtaken
                judge(self.store, taken)
                self.note(taken)

    def note(self, taken: Claim) -> None:
        for row in taken.windows:
            self._add(self.judged, {row.segment: row.events})
        for late in taken.late:
            self._add(self.judged, {late.segment: sum(late.counts)})

    def start(self, work: Callable[[int], None], n: int) -> list[threading.Thread]:
        def safely(number: int) -> None:
            try:
                work(number)
            except BaseException as error:
                self.failures.append(error)

        threads = [threading.Thread(target=safely, args=(number,)) for number in range(n)]
        for thread in threads:
            thread.start()
        return threads

    def _add(self, total: Counter[str], more: dict[str, int]) -> None:
        with self._guard:
            total.update(more)


def test_each_count_is_judged_once_while_agents_flush_and_turns_are_lost_and_overtaken(
    store: Store,
) -> None:
    race = Race(store)
    agents, monitors = race.start(race.agent, 3), race.start(race.monitor, 2)
    for thread in agents:
        thread.join()
    race.is_over.set()
    for thread in monitors:
        thread.join()
    race.note(claim(store, idle=-1000, grace=0))  # what had not closed yet
    assert race.failures == []
    assert race.judged == race.counted
