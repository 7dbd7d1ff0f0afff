"""The plan's frames reach the broker in its camera's order, dated by the cameras' clock."""

from __future__ import annotations

from datetime import datetime

import pytest

from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.plan import Spans, plan_run
from driftgauge.agent.demo.publish import Publisher
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.ports import Record
from driftgauge.agent.stream.kafka import KafkaSource

from ...broker import consumer_settings
from .pretend import NOW

pytest.importorskip("skimage")


@pytest.mark.kafka
def test_every_frame_arrives_once_in_its_cameras_order(broker: EmbeddedBroker, topic: str) -> None:
    broker.create_topic(topic)
    cameras = photograph_cameras()[:2]
    spans = Spans(reference=16, normal=8, fault=4, recovery=4)
    run = plan_run(
        [camera.name for camera in cameras], spans=spans, severity="mild", seed=1, now=NOW
    )
    with Publisher(broker.connection(), topic, run, cameras, run.live()) as publisher:
        while publisher.send(50):
            pass
    assert publisher.sent == run.n_live
    source = KafkaSource(
        broker.connection(),
        topic=topic,
        group_id=topic,
        settings=consumer_settings(broker),
    )
    records: list[Record] = []
    try:
        while len(records) < run.n_live:
            polled = source.poll(0.5)
            if polled.assignment_changed:
                source.seek(dict.fromkeys(source.assignment()))
            records += polled.records
    finally:
        source.close()
    headers = [dict(record.headers) for record in records]
    for camera in run.cameras:
        own = [fields for fields in headers if fields["camera"].decode() == camera]
        times = [datetime.fromisoformat(fields["ce_time"].decode()) for fields in own]
        assert times == [run.time(index) for index in range(run.live_from, run.frames)]
    assert len({fields["ce_id"] for fields in headers}) == run.n_live
