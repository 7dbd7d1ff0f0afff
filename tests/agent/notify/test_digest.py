"""A digest comes by the calendar, whether anything happened or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.notify.digest import DigestPlan
from driftgauge.agent.notify.sinks.webhook import WebhookSink
from driftgauge.agent.review.digest_text import digest_text
from driftgauge.storage import HeartbeatRecord, Store

from ...stores import START, STREAM, advance, alert, flush, window
from .notices import RecordingSink
from .receiver import receiving
from .site import Site

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = START  # 2026-03-01 12:00 UTC
WEEK = 7 * 24 * 3600
SETTINGS = MonitorSettings(stream=STREAM, window_seconds=60, windows_between_false_alarms=43_200.0)


def plan(every_days: int, sinks: tuple[str, ...] = ("*",)) -> DigestPlan:
    return DigestPlan(
        STREAM, every_days, time(8), BERLIN, sinks, lambda since, now: ("all well", f"{since}")
    )


def test_a_week_begins_on_monday_in_the_zone_and_a_day_at_its_hour() -> None:
    assert plan(7).last_due(SUNDAY) == datetime(2026, 2, 23, 7, tzinfo=UTC)
    monday = datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert plan(7).last_due(monday) == monday
    assert plan(7).last_due(monday - timedelta(seconds=1)) < monday
    assert plan(1).last_due(SUNDAY) == datetime(2026, 3, 1, 7, tzinfo=UTC)
    summer = datetime(2026, 3, 30, 9, tzinfo=UTC)
    assert plan(7).last_due(summer) == datetime(2026, 3, 30, 6, tzinfo=UTC)


def test_a_healthy_week_brings_one_digest_and_a_restart_none(store: Store) -> None:
    mail, alertmanager = RecordingSink("mailto-1"), RecordingSink("pager-2")
    site = Site(store, mail, alertmanager, digests=plan(7, ("mailto",)))
    site.wait(3600)
    assert mail.summaries == []
    for _ in range(2 * 7 * 24):
        site.restart()
        site.wait(3600)
    assert [summary.kind for summary in mail.summaries] == ["digest", "digest"]
    assert mail.summaries[1].text == str(mail.summaries[0].at)
    assert alertmanager.summaries == []


def test_a_digest_that_is_refused_comes_later_once(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, digests=plan(1))
    mail.is_away = True
    site.wait(24 * 3600)
    mail.is_away = False
    for _ in range(3):
        site.wait(600)
    assert len(mail.summaries) == 1


def test_a_clock_that_was_ahead_holds_no_digest_back(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, digests=plan(1))
    site.clock.set_wall(site.clock.now() + timedelta(days=400))
    site.wait(60)
    site.clock.set_wall(SUNDAY)
    site.wait(60)
    n_early = len(mail.summaries)
    site.wait(24 * 3600)
    assert len(mail.summaries) == n_early + 1


def test_a_digest_says_what_was_watched_and_what_was_not(store: Store) -> None:
    windows = [window({0: 4, 17: 96}), window({0: 4, 17: 96}, segment="camera=3")]
    store.flush(flush(advance(None, 100), windows=windows))
    site = Site(store)
    site.judge(alert())
    store.heartbeat(
        HeartbeatRecord(
            agent="a",
            stream=STREAM,
            host="h",
            version="1",
            condition="running",
            lag_messages=7,
            dead_letters=3,
        )
    )
    title, text = digest_text(store, STREAM, SETTINGS, since=START - timedelta(days=7), now=START)
    assert title.startswith(f"[info] {STREAM}: ")
    assert "100 images, 1 new alert since 2026-02-22" in title
    assert "camera 3: 4.0 %, normally 0.8 %" in text
    assert "Alerts: 1 opened, 1 unresolved" in text
    assert "Dead letters since the agents started: 3; lag: 7 messages" in text


def test_a_webhook_gets_a_digest_as_an_alert_that_is_over() -> None:
    with receiving() as (receiver, url):
        sink = WebhookSink(url, "", ManualClock(START))
        sink.send_summary(plan(7).compose("webhook", START, START))
        sink.close()
    ((headers, body),) = receiver.taken
    told = json.loads(body)
    assert (told["status"], told["alerts"][0]["annotations"]["summary"]) == ("resolved", "all well")
    assert headers["Idempotency-Key"] == f"driftgauge/{STREAM}/webhook/digest/2026-02-23T07:00Z"


@pytest.mark.parametrize("hour", [0, 12])
def test_a_due_moment_is_never_in_the_future(hour: int) -> None:
    now = datetime(2026, 10, 25, hour, tzinfo=UTC)  # clocks go back in this night
    assert now - timedelta(days=7) < plan(7).last_due(now) <= now
