"""From the settings to a message at the receiver, through a real database."""

from __future__ import annotations

import json

import pytest

from driftgauge.agent.notify.sample_notice import example_notice
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.notify import build_all_sinks, build_delivery, build_heartbeat
from driftgauge.storage import Judgement, MonitorState, Store

from ...stores import START, STREAM, TOPIC, advance, alert, evidence, flush, window
from ..records import encoded, picture
from .receiver import receiving


def settings(**notify: object) -> Settings:
    return Settings.model_validate(
        {
            "stream": {"name": STREAM, "topic": TOPIC},
            "model": {"source": "timm:resnet18"},
            "notify": notify,
        }
    )


def test_an_alert_in_the_database_arrives_with_its_examples(store: Store) -> None:
    frame = encoded(picture(), "JPEG")
    kept = [evidence(12, segment="camera=3", minute=-1, thumbnail=frame)]
    store.flush(flush(advance(None, 13), windows=[window({0: 3})], evidence=kept))
    with receiving() as (receiver, url):
        delivery = build_delivery(settings(webhook_url=url, page_url="https://x/{alert}"), store)
        delivery.turn()
        store.judge(Judgement(STREAM, None, MonitorState(START, "{}"), [alert()]))
        assert delivery.turn() == 1
        assert delivery.turn() == 0
        delivery.close()
    ((_, body),) = receiver.taken
    told = json.loads(body)["alerts"][0]["driftgauge"]
    assert [one["offset"] for one in told["examples"]] == [12]
    assert told["link"] == "https://x/1"


def test_an_example_says_that_it_is_one() -> None:
    with receiving() as (receiver, url):
        (sink,) = build_all_sinks(settings(webhook_url=url))
        sink.send(example_notice(STREAM, sink.name))
        sink.close()
    ((_, body),) = receiver.taken
    assert "This is an example" in body.decode()


@pytest.mark.parametrize("notify", [{}, {"min_severity": "critical"}])
def test_nobody_is_told_where_the_settings_name_nobody(
    store: Store, notify: dict[str, object]
) -> None:
    assert build_all_sinks(settings(**notify)) == []
    assert not build_delivery(settings(**notify), store).has_sinks
    assert build_heartbeat(settings(**notify)) is None
