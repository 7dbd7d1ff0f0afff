from __future__ import annotations

from datetime import timedelta

from driftgauge.agent.loop.progress import Progress

from ..records import NOON, record

ZERO, ONE = ("frames", 0), ("frames", 1)


def test_a_record_is_accepted_once() -> None:
    progress = Progress()
    progress.begin({ZERO: 5}, {ZERO: 5})
    assert [progress.accept(record(b"x", offset=n)) for n in (4, 5, 9, 9, 6, 10)] == [
        *(False, True, True),
        *(False, False, True),
    ]


def test_a_record_of_a_partition_that_is_not_owned_is_not_accepted() -> None:
    progress = Progress()
    progress.begin({ZERO: 0}, {ZERO: 0})
    assert not progress.accept(record(b"x", partition=1))


def test_only_what_is_counted_advances() -> None:
    progress = Progress()
    progress.begin({ZERO: 5, ONE: 2}, {ZERO: 5, ONE: 2})
    for offset in (5, 8):
        progress.accept(record(b"x", offset=offset))
    assert progress.advances() == []
    progress.count(record(b"x", offset=5), NOON)
    progress.count(record(b"x", offset=8), None)
    (advance,) = progress.advances()
    assert (advance.from_offset, advance.next_offset, advance.event_time_max) == (5, 9, NOON)


def test_the_next_flush_begins_where_the_last_one_ended() -> None:
    progress = Progress()
    progress.begin({ZERO: None}, {})
    progress.count(record(b"x", offset=3), NOON)
    assert progress.advances()[0].from_offset is None
    assert progress.mark_flushed() == {ZERO: 4}
    assert progress.advances() == []
    progress.count(record(b"x", offset=4), NOON - timedelta(hours=1))
    (advance,) = progress.advances()
    assert (advance.from_offset, advance.event_time_max) == (4, NOON - timedelta(hours=1))


def test_a_start_that_the_database_does_not_know_is_written_at_once() -> None:
    progress = Progress()
    progress.begin({ZERO: None, ONE: None}, {ZERO: 17})
    (advance,) = progress.advances()
    assert (advance.from_offset, advance.next_offset, advance.event_time_max) == (None, 17, None)
