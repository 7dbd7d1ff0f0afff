"""Short forms of `make bench-alerts`: failing sinks, and many cameras at once."""

from __future__ import annotations

from driftgauge.storage import Store

from ...benchmarks.alert_day import crowd, one_after_another, one_day


def test_hours_of_failing_sinks_and_kills_lose_nothing_and_keep_the_order(store: Store) -> None:
    day = one_day(store, hours=2, seed=4)
    assert day.kills > 0
    assert (day.lost, day.misordered) == (0, 0)


def test_many_cameras_that_change_at_once_are_one_page_and_their_end_another(store: Store) -> None:
    many = crowd(store, cameras=60)
    assert set(many.pages.values()) == {1}
    assert set(many.ends.values()) == {1}


def test_many_cameras_that_change_one_after_another_are_a_few_pages(store: Store) -> None:
    assert one_after_another(store, cameras=60, at_once=2) <= 8
