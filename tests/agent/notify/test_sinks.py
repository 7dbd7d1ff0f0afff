"""Each sink against what it speaks to: Alertmanager, an SMTP server, HTTP receivers, Kafka."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from apprise.plugins import pagerduty
from kafka import KafkaConsumer  # noqa: TID251 - the reader of the alerts brings its own
from PIL import Image

from driftgauge.agent.alert.picture import TimeLine, draw_alert
from driftgauge.agent.clock import ManualClock, SystemClock
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.errors import NotificationUndelivered, SettingsError, SourceUnavailable
from driftgauge.agent.notify.post import Poster, retry_after
from driftgauge.agent.notify.sinks.alertmanager import AlertmanagerSink
from driftgauge.agent.notify.sinks.apprise_url import AppriseSink
from driftgauge.agent.notify.sinks.kafka_topic import KafkaTopicSink
from driftgauge.agent.notify.sinks.webhook import WebhookSink, signature
from driftgauge.agent.stream.publisher import KafkaPublisher

from ...alertmanager import alerts_at, running_alertmanager
from ...mail import mail_server
from ...stores import START, STREAM, alert
from ..records import encoded, picture
from .notices import notice
from .receiver import receiving

ALERT = replace(alert(), id=7)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_alertmanager(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


def test_alertmanager_shows_an_alert_while_it_lives_and_not_after(alertmanager: str) -> None:
    now = SystemClock().now()
    live = replace(ALERT, opened_at=now - timedelta(minutes=1), segment="camera=live")
    sink = AlertmanagerSink(alertmanager, SystemClock())
    sink.send(notice(alert=live))
    (shown,) = [one for one in alerts_at(alertmanager) if one["labels"]["segment"] == "camera=live"]
    assert shown["labels"]["severity"] == "warning"
    assert shown["annotations"]["rate"] == "4.1 %"
    sink.repeat([notice(alert=live)])
    ended = replace(live, state="resolved", resolved_at=now)
    sink.send(notice(alert=ended, kind="resolved"))
    sink.close()
    assert [
        one for one in alerts_at(alertmanager) if one["labels"]["segment"] == "camera=live"
    ] == []


def test_an_alert_that_worsens_is_one_alert_in_alertmanager(alertmanager: str) -> None:
    live = replace(ALERT, opened_at=SystemClock().now(), segment="camera=worse")
    sink = AlertmanagerSink(alertmanager, SystemClock())
    sink.send(notice(alert=live))
    sink.send(notice(alert=replace(live, severity="critical"), kind="worsened"))
    sink.close()
    shown = [one for one in alerts_at(alertmanager) if one["labels"]["segment"] == "camera=worse"]
    assert [one["labels"]["severity"] for one in shown] == ["critical"]


def test_mail_has_the_words_and_the_picture() -> None:
    png = draw_alert([encoded(picture(), "JPEG")], [], TimeLine([0.0, 0.4], changed=1, normal=0.01))
    with mail_server() as (mailbox, url):
        AppriseSink(url).send(notice(picture=png))
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[warning] camera 3 (line-3): drift alert 7 opened"
    assert "4.1 % of images out of distribution, normally 0.8 %" in str(mail)
    assert mail["Idempotency-Key"] == notice().key
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == png


def test_a_mail_server_that_refuses_is_an_attempt_that_failed() -> None:
    with mail_server() as (mailbox, url):
        mailbox.refuses = True
        with pytest.raises(NotificationUndelivered, match=r"^mailto-\w{6} did not accept it: "):
            AppriseSink(url).send(notice())


def test_pagerduty_gets_one_incident_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = replace(ALERT, state="resolved", resolved_at=START)
    with receiving() as (receiver, url):
        receiver.answers.extend([(202, {})] * 3)
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", url)
        sink = AppriseSink("pagerduty://INTEGRATIONKEY@APIKEY")
        sink.send(notice())
        sink.send(notice())  # repeated after a crash
        sink.send(notice(alert=ended, kind="resolved", key="another"))
    told = [json.loads(body) for _, body in receiver.taken]
    assert [one["event_action"] for one in told] == ["trigger", "trigger", "resolve"]
    assert {one["dedup_key"] for one in told} == {f"driftgauge/{STREAM}/7"}


def test_a_url_that_apprise_does_not_know_is_told_without_its_secret() -> None:
    with pytest.raises(SettingsError, match="begins with nosuch://") as caught:
        AppriseSink("nosuch://token-1234")
    assert "1234" not in str(caught.value)


def test_a_webhook_gets_alertmanagers_form_signed_under_one_key() -> None:
    with receiving() as (receiver, url):
        sink = WebhookSink(url, "secret", ManualClock(START))
        sink.send(notice())
        sink.close()
    ((headers, body),) = receiver.taken
    told = json.loads(body)
    assert (told["version"], told["status"], len(told["alerts"])) == ("4", "firing", 1)
    assert told["alerts"][0]["driftgauge"]["rate_now"] == ALERT.rate_now
    assert headers["Idempotency-Key"] == notice().key
    assert headers["Driftgauge-Signature"] == signature("secret", int(START.timestamp()), body)


def test_a_webhook_that_is_told_the_end_says_resolved() -> None:
    ended = replace(ALERT, state="resolved", resolved_at=START)
    with receiving() as (receiver, url):
        sink = WebhookSink(url, "", ManualClock(START))
        sink.send(notice(alert=ended, kind="resolved"))
        sink.close()
    ((headers, body),) = receiver.taken
    assert json.loads(body)["status"] == "resolved"
    assert "Driftgauge-Signature" not in headers


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {"Retry-After": "90"}, 90.0), (503, {}, 0.0), (500, {"Retry-After": "x"}, 0.0)],
)
def test_a_receiver_that_does_not_take_it_is_an_attempt_that_failed(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    with receiving() as (receiver, url):
        receiver.answers.append((status, headers))
        sink = WebhookSink(url, "", ManualClock(START))
        with pytest.raises(NotificationUndelivered, match=f"webhook answered {status}") as caught:
            sink.send(notice())
        sink.close()
    assert caught.value.retry_after_seconds == seconds


def test_a_receiver_that_is_not_there_is_told_without_its_address() -> None:
    sink = WebhookSink("http://127.0.0.1:9/hook?token=hunter2", "", ManualClock(START))
    with pytest.raises(NotificationUndelivered, match="webhook cannot be reached") as caught:
        sink.send(notice())
    sink.close()
    assert "hunter2" not in str(caught.value)


def test_a_receiver_that_repeats_its_address_is_told_without_the_token() -> None:
    said = b"Cannot POST /hook?token=hunter2"
    with receiving() as (receiver, url):
        receiver.answers.append((404, {"Content-Length": str(len(said))}))
        receiver.bodies.append(said)
        sink = WebhookSink(url, "", ManualClock(START))
        with pytest.raises(NotificationUndelivered, match="404 Not Found: Cannot POST") as caught:
            sink.send(notice())
        sink.close()
    assert "hunter2" not in str(caught.value)


def test_a_receiver_that_hangs_is_an_attempt_that_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, answers none
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/hook?token=hunter2"
        poster = Poster("webhook", url, timeout_seconds=0.2)
        with pytest.raises(NotificationUndelivered, match="reached: no answer in time") as caught:
            poster.post(b"{}", {})
        poster.close()
    assert "hunter2" not in str(caught.value)


def test_of_a_long_refusal_only_the_beginning_is_kept() -> None:
    with receiving() as (receiver, url):
        receiver.answers.append((500, {"Content-Length": "2000"}))
        receiver.bodies.append(b"no\n" * 600 + b"x" * 200)
        sink = WebhookSink(url, "", ManualClock(START))
        with pytest.raises(NotificationUndelivered, match=r"answered 500 [^:]*: nono") as caught:
            sink.send(notice())
        sink.close()
    assert len(str(caught.value)) < 300


@pytest.mark.kafka
def test_a_broker_that_is_away_is_an_attempt_that_failed(
    broker: EmbeddedBroker, topic: str
) -> None:
    away = [SourceUnavailable("the broker does not answer")]

    def connect() -> KafkaPublisher:
        if away:
            raise away.pop()
        return KafkaPublisher(broker.connection(), topic)

    sink = KafkaTopicSink(connect)
    with pytest.raises(NotificationUndelivered, match=r"^kafka: the broker does not answer"):
        sink.send(notice())
    sink.send(notice())  # it is back
    sink.close()


def test_retry_after_may_be_a_date() -> None:
    assert retry_after("Sun, 01 Mar 2026 12:01:00 GMT", now=START) == 60.0
    assert retry_after("Sun, 01 Mar 2026 11:01:00 GMT", now=START) == 0.0


@pytest.mark.kafka
def test_a_kafka_topic_gets_cloudevents(broker: EmbeddedBroker, topic: str) -> None:
    sink = KafkaTopicSink(lambda: KafkaPublisher(broker.connection(), topic))
    sink.send(notice())
    sink.close()
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=broker.address,
        auto_offset_reset="earliest",
        consumer_timeout_ms=10_000,
    )
    message = next(consumer)
    consumer.close()
    headers = dict(message.headers)
    assert headers["ce_id"] == notice().key.encode()
    assert headers["ce_severity"] == b"warning"
    assert headers["ce_subject"] == b"camera=3"
    assert json.loads(message.value)["alert"] == 7


def test_an_alert_is_drawn_with_its_frames_and_its_rate() -> None:
    frame = encoded(picture(), "JPEG")
    drawn = draw_alert([frame] * 3, [frame], TimeLine([0.01, 0.02, 0.5], changed=2, normal=0.01))
    assert drawn is not None
    with Image.open(io.BytesIO(drawn)) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == 3 * 168 + 8
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24) or ()}
    assert (0xC8, 0x1E, 0x1E) in colours


def test_without_a_frame_there_is_no_picture() -> None:
    assert draw_alert([], [], TimeLine([0.5], changed=0, normal=0.01)) is None
