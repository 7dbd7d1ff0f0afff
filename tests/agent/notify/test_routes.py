"""Who gets which alert, when: routes, quiet hours, the limit of messages an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftgauge.agent.errors import NotificationUndelivered, SettingsError
from driftgauge.agent.notify.routing import Routing
from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.settings.sections import NotifySection
from driftgauge.storage import Store

from ...stores import STREAM, TOPIC, alert
from .notices import RecordingSink
from .site import Site

NIGHT: dict[str, Any] = {"quiet_hours": "22:00-07:00", "time_zone": "Europe/Berlin"}
MIDNIGHT = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)  # 00:00 in Berlin


def kinds(sink: RecordingSink) -> list[tuple[int | None, str]]:
    return [(notice.alert.id, notice.kind) for notice in sink.taken]


def segments(sink: RecordingSink) -> list[str]:
    return [notice.alert.segment for notice in sink.taken]


def test_without_routes_every_receiver_gets_every_alert(store: Store) -> None:
    sinks = [RecordingSink("slack-1a2b3c"), RecordingSink("webhook")]
    site = Site(store, *sinks)
    site.judge(alert(severity="info"))
    site.delivery.turn()
    assert [len(sink.taken) for sink in sinks] == [1, 1]


def test_a_route_chooses_by_segment_test_and_severity(store: Store) -> None:
    slack, mail, other = (RecordingSink(name) for name in ("slack-1a2b3c", "mailto-2", "webhook"))
    routes = [
        {"sinks": ["slack"], "segments": ["camera=1*"], "min_severity": "critical"},
        {"sinks": ["slack", "mailto"], "tests": ["silence"]},
    ]
    site = Site(store, slack, mail, other, routes=routes)
    site.judge(
        alert(segment="camera=11", severity="critical"),
        alert(segment="camera=12"),
        alert(segment="camera=2", severity="critical"),
        alert(segment="camera=3", test="silence"),
    )
    site.delivery.turn()
    assert segments(slack) == ["camera=11", "camera=3"]
    assert segments(mail) == ["camera=3"]
    assert len(other.taken) == 4  # no route names it


def test_a_route_that_names_no_receiver_is_refused_with_those_there_are() -> None:
    settings = NotifySection.model_validate({"routes": [{"sinks": ["slak"]}]})
    with pytest.raises(SettingsError, match=r"routes\[0\].sinks: 'slak' is no receiver.*webhook"):
        Routing(settings, ["slack-1a2b3c", "webhook"])


def test_a_night_comes_as_one_message_in_the_morning(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, starts=MIDNIGHT, **NIGHT)
    one, two = site.judge(alert(segment="camera=1"), alert(segment="camera=2"))
    site.wait(60)
    site.resolve(one)
    site.wait(6 * 3600 + 3400)  # 06:57:40
    assert (mail.taken, mail.summaries) == ([], [])
    site.wait(200)
    site.wait(10)
    (summary,) = mail.summaries
    assert summary.title == f"[warning] {STREAM}: 2 drift alerts"
    assert f"alert {one} (opened 2026-03-01 12:00 UTC, resolved" in summary.text
    assert [notice.alert.id for notice in summary.notices] == [one, two, one]
    assert mail.taken == []


def test_one_step_of_a_night_comes_as_it_is(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, starts=MIDNIGHT, **NIGHT)
    (number,) = site.judge(alert())
    site.wait(8 * 3600)
    assert kinds(mail) == [(number, "opened")]


def test_a_critical_alert_wakes_people_with_all_that_happened(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, starts=MIDNIGHT, **NIGHT)
    (number,) = site.judge(alert())
    site.wait(60)
    assert mail.taken == []
    site.judge(alert(id=number, severity="critical"))
    site.wait(60)
    assert kinds(mail) == [(number, "opened"), (number, "worsened")]


def test_programs_are_told_at_night_and_so_are_routes_without_quiet_hours(store: Store) -> None:
    kafka, webhook = RecordingSink("kafka", is_for_people=False), RecordingSink("webhook")
    routes = [{"sinks": ["webhook"], "quiet_hours": ""}]
    site = Site(store, kafka, webhook, starts=MIDNIGHT, routes=routes, **NIGHT)
    site.judge(alert())
    site.wait(60)
    assert len(kafka.taken) == len(webhook.taken) == 1


def test_the_steps_of_an_alert_keep_their_order_over_the_night(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    evening = MIDNIGHT - timedelta(hours=2, minutes=1)
    site = Site(store, mail, starts=evening, **NIGHT)
    mail.failures.append(NotificationUndelivered("not now"))
    (number,) = site.judge(alert())
    site.wait(1)
    site.resolve(number)
    site.wait(120)
    assert mail.taken == []
    site.wait(10 * 3600)
    (summary,) = mail.summaries
    assert [notice.kind for notice in summary.notices] == ["opened", "resolved"]


def test_more_than_the_limit_comes_as_one_message_that_says_how_many(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, max_per_hour=4)
    site.judge(*(alert(segment=f"camera={n}") for n in range(40)))
    site.delivery.turn()
    assert segments(mail) == ["camera=0", "camera=1", "camera=2"]
    (summary,) = mail.summaries
    assert summary.title == f"[warning] {STREAM}: 37 more drift alerts"
    assert summary.text.endswith("and 18 more: driftgauge alerts list --all")
    site.judge(alert(segment="camera=late"))
    site.wait(800)
    assert len(mail.taken) == 3
    site.wait(101)
    assert segments(mail)[-1] == "camera=late"
    assert {one.state for one in site.store.notification_counts(STREAM)} == {"sent"}


def test_a_message_about_many_steps_is_repeated_whole_under_its_key(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail, max_per_hour=1)
    site.judge(*(alert(segment=f"camera={n}") for n in range(3)))
    finish = site.store.finish_notifications
    site.store.finish_notifications = _crash  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        site.delivery.turn()
    site.store.finish_notifications = finish  # type: ignore[method-assign]
    site.restart()
    site.delivery.turn()
    first, second = mail.summaries
    assert first.key == second.key
    assert len(first.notices) == len(second.notices) == 3


def _crash(*args: object, **more: object) -> None:
    raise KeyboardInterrupt


FILE = f"""
[stream]
name = "{STREAM}"
topic = "{TOPIC}"
[model]
factory = "a:b"
[notify]
webhook_url = "http://127.0.0.1:9/"
time_zone = "Europe/Berlin"
[[notify.routes]]
sinks = ["webhook"]
segments = ["camera=1*", "site=north"]
min_severity = "critical"
quiet_hours = "22:00 to 7:00"
"""


def test_routes_are_tables_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "driftgauge.toml"
    path.write_text(FILE)
    (route,) = load_settings(path).notify.routes
    assert route.segments == ("camera=1*", "site=north")
    assert (route.min_severity, route.quiet_hours) == ("critical", "22:00-07:00")


@pytest.mark.parametrize(
    ("written", "wrong", "said"),
    [
        ("min_severity", "minseverity", r"notify.routes\[0\].minseverity is not a setting"),
        ("22:00 to 7:00", "night", r"routes\[0\].quiet_hours: 'night' are not quiet hours"),
        ("22:00 to 7:00", "7:00-7:00", "would hold every alert back"),
        ("Europe/Berlin", "Berlin", r"time_zone: it is not a time zone"),
    ],
)
def test_what_is_wrong_in_a_route_is_said_with_its_line(
    tmp_path: Path, written: str, wrong: str, said: str
) -> None:
    path = tmp_path / "driftgauge.toml"
    path.write_text(FILE.replace(written, wrong))
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(path)
    assert f"{path}:" in str(caught.value)


def test_a_thousand_cameras_that_fail_at_once_are_one_message_and_its_end_another(
    store: Store,
) -> None:
    mail, webhook = RecordingSink("mailto-1"), RecordingSink("webhook", is_for_people=False)
    site = Site(store, mail, webhook)
    numbers = site.judge(*(alert(segment=f"camera={n}") for n in range(1000)), together=True)
    site.wait(60)
    for sink in (mail, webhook):
        (notice,) = sink.taken
        assert notice.title.startswith("[critical] 1000 of 1000 cameras (line-3)")
        assert "one cause is likely" in notice.text
        assert notice.values()["members"] == 1000
    site.store.transition_alerts(numbers, "resolved", at=site.clock.now(), by="ann")
    site.wait(60)
    assert kinds(mail) == [(numbers[0], "opened"), (numbers[0], "resolved")]


def test_a_route_takes_an_incident_of_which_it_takes_any_member(store: Store) -> None:
    slack, mail = RecordingSink("slack-1a2b3c"), RecordingSink("mailto-1")
    routes = [
        {"sinks": ["slack"], "segments": ["camera=2"]},
        {"sinks": ["mailto"], "segments": ["camera=9"]},
    ]
    site = Site(store, slack, mail, routes=routes)
    site.judge(alert(segment="camera=1"), alert(segment="camera=2"), together=True)
    site.wait(60)
    assert [notice.alert.segment for notice in slack.taken] == ["camera=1"]
    assert mail.taken == []


def test_a_muted_alert_is_told_to_nobody_until_the_mute_ends(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail)
    site.store.mute(STREAM, "camera=3", lasts=timedelta(hours=2), by="ann", why="cleaning")
    (number,) = site.judge(alert())
    site.wait(3600)
    assert mail.taken == []
    site.wait(3601)
    assert kinds(mail) == [(number, "unmuted")]


def test_who_was_told_of_an_alert_is_told_its_end_though_it_is_muted(store: Store) -> None:
    mail = RecordingSink("mailto-1")
    site = Site(store, mail)
    (number,) = site.judge(alert())
    site.wait(60)
    site.store.mute(STREAM, None, lasts=None, by="ann", why="night")
    site.judge(alert(id=number, severity="critical"))
    site.resolve(number)
    site.wait(60)
    assert kinds(mail) == [(number, "opened"), (number, "resolved")]
