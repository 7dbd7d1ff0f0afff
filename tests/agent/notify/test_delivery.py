"""Every step of every alert is delivered at least once, in order, to every sink."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.agent.errors import NotificationUndelivered
from driftgauge.agent.jobs.jobs import DELIVERY_LEASE_SECONDS
from driftgauge.agent.notify.giving_up import attempts_within
from driftgauge.storage import Store

from ...stores import STREAM, alert
from .notices import RecordingSink
from .site import Site


def told(sink: RecordingSink) -> list[tuple[int | None, str]]:
    return [(notice.alert.id, notice.kind) for notice in sink.taken]


def test_each_step_is_told_with_who_when_and_where_to_look(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink)
    (number,) = site.judge(alert())
    site.delivery.turn()
    site.resolve(number)
    site.delivery.turn()
    assert told(sink) == [(number, "opened"), (number, "resolved")]
    opened, resolved = sink.taken
    assert opened.title == "[warning] camera 3 (line-3): drift alert 1 opened"
    assert "Since: 2026-03-01 11:58:00 UTC." in opened.text
    assert "Most unusual messages: images/0@12." in opened.text
    assert opened.text.endswith("https://x/1")
    assert resolved.by == "ann"
    assert "Resolved by ann at 2026-03-01 12:00:00 UTC." in resolved.text
    assert opened.picture == b"png"


def test_a_sink_that_fails_is_tried_again_later_and_holds_no_other_up(store: Store) -> None:
    flaky, steady = RecordingSink("flaky"), RecordingSink("steady")
    site = Site(store, flaky, steady)
    flaky.is_away = True
    (number,) = site.judge(alert())
    site.delivery.turn()
    assert told(steady) == [(number, "opened")]
    flaky.is_away = False
    site.wait(2.4)  # chance shortens the first delay of 5 seconds by half at most
    assert told(flaky) == []
    site.wait(2.7)
    assert told(flaky) == [(number, "opened")]


def test_an_alert_never_ends_before_it_began(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink)
    sink.failures.append(NotificationUndelivered("not now"))
    (number,) = site.judge(alert())
    site.delivery.turn()
    site.resolve(number)
    site.delivery.turn()
    assert told(sink) == []
    site.wait(10)
    assert told(sink) == [(number, "opened"), (number, "resolved")]


def test_a_receiver_that_asks_to_wait_is_left_alone_for_so_long(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink)
    sink.failures.append(NotificationUndelivered("too many requests", retry_after_seconds=120))
    site.judge(alert())
    site.delivery.turn()
    site.wait(119)
    assert told(sink) == []
    site.wait(2)
    assert len(told(sink)) == 1


def test_a_repetition_after_a_crash_has_the_same_key(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink)
    site.judge(alert())
    store = site.store
    finish, store.finish_notifications = store.finish_notifications, crash  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        site.delivery.turn()
    store.finish_notifications = finish  # type: ignore[method-assign]
    site.restart()
    site.delivery.turn()
    first, second = sink.taken
    assert first.key == second.key


def crash(*args: object, **more: object) -> None:
    raise KeyboardInterrupt


def test_what_cannot_be_delivered_is_given_up_after_the_stated_time(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    sink = RecordingSink()
    site = Site(store, sink, give_up="1 hour")
    sink.is_away = True
    (number,) = site.judge(alert())
    for _ in range(5):
        site.wait(600)
    assert [one.state for one in store.notification_counts(STREAM)] == ["pending"]
    for _ in range(attempts_within(3600) - 5):
        site.wait(600)
    (dead,) = store.notification_counts(STREAM)
    assert (dead.state, dead.count, dead.last_error) == ("dead", 1, "webhook is away")
    assert f"alert {number} is not delivered to webhook after" in caplog.text
    sink.is_away = False
    site.resolve(number)
    site.wait(600)
    assert told(sink) == [(number, "resolved")]


def test_a_clock_that_is_set_back_delays_nothing(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink)
    sink.failures.append(NotificationUndelivered("not now"))
    site.judge(alert())
    site.delivery.turn()
    site.clock.set_wall(site.clock.now() - timedelta(hours=5))
    site.wait(6)
    assert len(told(sink)) == 1


def test_a_clock_that_is_set_ahead_gives_nothing_up(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink)
    sink.is_away = True
    site.judge(alert())
    site.delivery.turn()
    site.clock.set_wall(site.clock.now() + timedelta(days=400))
    site.wait(10)
    sink.is_away = False
    site.wait(20)
    assert len(told(sink)) == 1


def test_an_agent_that_restarts_all_the_time_gives_nothing_up_early(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink, give_up="1 hour")
    sink.is_away = True
    site.judge(alert())
    for _ in range(50):
        site.restart()
        site.wait(10)
    sink.is_away = False
    site.wait(600)
    assert len(told(sink)) == 1


def test_alerts_below_the_wanted_severity_are_told_once_they_worsen(store: Store) -> None:
    sink = RecordingSink()
    site = Site(store, sink, min_severity="critical")
    (number,) = site.judge(alert(severity="warning"))
    site.delivery.turn()
    assert told(sink) == []
    site.judge(alert(id=number, severity="critical"))
    site.delivery.turn()
    assert told(sink) == [(number, "worsened")]
    site.resolve(number)
    site.delivery.turn()
    assert told(sink)[-1] == (number, "resolved")


def test_what_waits_and_what_was_given_up_is_counted_for_each_receiver(store: Store) -> None:
    away, steady = RecordingSink("away"), RecordingSink("steady")
    site = Site(store, away, steady, give_up="1 hour")
    away.is_away = True
    site.judge(alert())
    site.delivery.turn()
    assert backlog(site) == {("away", "pending"): 1}
    for _ in range(attempts_within(3600)):
        site.wait(600)
    assert backlog(site) == {("away", "dead"): 1}


def backlog(site: Site) -> dict[tuple[str, str], int]:
    return {(one.sink, one.state): one.count for one in site.delivery.backlog() if one.count}


def test_a_slow_receiver_ends_the_turn_in_time_and_does_not_always_come_first(
    store: Store,
) -> None:
    slow, quick = RecordingSink("slow"), RecordingSink("quick")
    site = Site(store, slow, quick)
    slow.takes_seconds, slow.clock = 20.0, site.clock
    site.judge(*(alert(segment=f"camera={n}") for n in range(9)))
    started = site.clock.monotonic()
    site.delivery.turn()
    assert site.clock.monotonic() - started < DELIVERY_LEASE_SECONDS
    assert (len(slow.taken), len(quick.taken)) == (3, 0)
    site.delivery.turn()
    assert len(quick.taken) == 9
