from __future__ import annotations

from datetime import timedelta

from driftgauge.agent.loop.positions import Positions

from ..records import NOON, record

ZERO, ONE = ("frames", 0), ("frames", 1)


def test_a_record_is_accepted_once() -> None:
    positions = Positions()
    positions.begin({ZERO: 5}, {ZERO: 5})
    assert [positions.accept(record(b"x", offset=n)) for n in (4, 5, 9, 9, 6, 10)] == [
        *(False, True, True),
        *(False, False, True),
    ]


def test_a_record_of_a_partition_that_is_not_owned_is_not_accepted() -> None:
    positions = Positions()
    positions.begin({ZERO: 0}, {ZERO: 0})
    assert not positions.accept(record(b"x", partition=1))


def test_only_what_is_counted_advances() -> None:
    positions = Positions()
    positions.begin({ZERO: 5, ONE: 2}, {ZERO: 5, ONE: 2})
    for offset in (5, 8):
        positions.accept(record(b"x", offset=offset))
    assert positions.advances() == []
    positions.count(record(b"x", offset=5), NOON)
    positions.count(record(b"x", offset=8), None)
    (advance,) = positions.advances()
    assert (advance.from_offset, advance.next_offset, advance.event_time_max) == (5, 9, NOON)


def test_the_next_flush_begins_where_the_last_one_ended() -> None:
    positions = Positions()
    positions.begin({ZERO: None}, {})
    positions.count(record(b"x", offset=3), NOON)
    assert positions.advances()[0].from_offset is None
    assert positions.mark_flushed() == {ZERO: 4}
    assert positions.advances() == []
    positions.count(record(b"x", offset=4), NOON - timedelta(hours=1))
    (advance,) = positions.advances()
    assert (advance.from_offset, advance.event_time_max) == (4, NOON - timedelta(hours=1))


def test_a_start_that_the_database_does_not_know_is_written_at_once() -> None:
    positions = Positions()
    positions.begin({ZERO: None, ONE: None}, {ZERO: 17})
    (advance,) = positions.advances()
    assert (advance.from_offset, advance.next_offset, advance.event_time_max) == (None, 17, None)
