"""A scenario for one's own broker: each frame arrives, dated up to now, and the fault shows where it was asked for."""

from __future__ import annotations

import pytest

from driftgauge.agent.command.demo_frames import FaultChoice
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.faults import FAULT_KINDS
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.demo.send import Scenario, scenario_plan, send_frames
from driftgauge.agent.errors import SettingsError
from driftgauge.agent.stream.kafka import KafkaSource

from ...broker import consumer_settings
from .pretend import NOW

CAMERAS = ("coffee", "chelsea")


def test_the_last_frame_is_dated_now_and_the_fault_stays_to_the_end() -> None:
    scenario = Scenario(frames=60, fault="blur", fault_after=20, camera="chelsea")
    plan = scenario_plan(CAMERAS, scenario, now=NOW)
    frames = list(plan.live())
    assert len(frames) == plan.n_live == 120
    assert plan.time(frames[-1][1]) == NOW
    faulty = [(camera, index) for camera, index in frames if plan.fault(camera, index)]
    assert faulty == [("chelsea", index) for index in range(20, 60)]


def test_without_a_fault_every_frame_is_normal() -> None:
    plan = scenario_plan(CAMERAS, Scenario(frames=60), now=NOW)
    assert not [frame for frame in plan.live() if plan.fault(*frame)]


def test_a_camera_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match="no camera is named 'tea'; there are coffee, chelsea"):
        scenario_plan(CAMERAS, Scenario(frames=60, fault="blur", camera="tea"), now=NOW)


def test_the_command_offers_every_fault() -> None:
    assert tuple(FaultChoice) == FAULT_KINDS


@pytest.mark.kafka
def test_the_frames_arrive_with_their_camera(broker: EmbeddedBroker, topic: str) -> None:
    pytest.importorskip("skimage")
    cameras = photograph_cameras()[:2]
    sent = send_frames(broker.connection(), topic, cameras, Scenario(frames=4), now=NOW)
    assert sent == 8
    source = KafkaSource(
        broker.connection(), topic=topic, group_id=topic, settings=consumer_settings(broker)
    )
    seen: list[str] = []
    try:
        while len(seen) < sent:
            polled = source.poll(0.5)
            if polled.assignment_changed:
                source.seek(dict.fromkeys(source.assignment()))
            seen += [dict(record.headers)["camera"].decode() for record in polled.records]
    finally:
        source.close()
    assert sorted(seen) == sorted(4 * [camera.name for camera in cameras])
