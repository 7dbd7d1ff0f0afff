"""From a record to an alert, through the real loop, store and monitor, while a clock is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.stream.group_owner import GroupOwner
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.storage import Store

from ..agent.scorer import BrightnessScorer
from ..broker import BROKERS, Broker, consumer_settings
from ..stores import HandClock
from .clock_line import N_PARTITIONS, STREAM, YEARS, KafkaFeed, Line


@pytest.fixture(params=BROKERS)
def on_broker(
    request: pytest.FixtureRequest, store: Store, clock: HandClock, topic: str
) -> Iterator[Line]:
    """Give four cameras on a topic of a broker."""
    server: Broker = request.getfixturevalue(request.param)
    server.create_topic(topic, N_PARTITIONS)
    source = KafkaSource(
        server.connection(),
        topic=topic,
        group_id=topic,
        settings=consumer_settings(server),
        first_partitions=partial(store.first_partitions, STREAM),
        owner=GroupOwner(store.database_id(), STREAM),
    )
    with FrameProducer(server.connection(), topic) as producer:
        line = Line(store, clock, feed=KafkaFeed(producer), source=source, cameras="abcd")
        yield line
        line.loop._stop.set()
        line.loop.run()


WRONG = {"b": YEARS, "c": timedelta(hours=5), "d": -timedelta(minutes=4)}


@pytest.mark.parametrize("faulty", ["a", "b"])
def test_wrong_clocks_on_a_brokers_topic_hide_no_fault_and_fake_none(
    on_broker: Line, faulty: str
) -> None:
    """One camera is right, one in 1970, one five hours behind, one four minutes ahead, on two partitions."""
    on_broker.run(6, behind=WRONG)
    assert on_broker.alerts() == []
    on_broker.run(6, behind=WRONG, unusual=faulty)
    told = on_broker.alerts()
    assert told.count(f"camera={faulty}") == 1
    assert set(told) <= {
        f"camera={faulty}",
        "*",
    }  # what is late for the whole stream may tell first
    offsets = {
        row.segment: row.clock_offset_seconds
        for row in on_broker.store.segment_progress(STREAM, BrightnessScorer.detector)
    }
    for camera, behind in WRONG.items():
        assert offsets[f"camera={camera}"] == pytest.approx(-behind.total_seconds(), abs=0.01)
    assert offsets["camera=a"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
def test_an_agent_whose_clock_is_wrong_keeps_no_idle_partition_busy_and_hides_no_fault(
    store: Store, clock: HandClock, hours: int
) -> None:
    line = Line(store, clock, agent_ahead=timedelta(hours=hours))
    line.run(8)
    assert line.alerts() == []
    line.run(5, unusual="b")
    line.run(3, sending="a")  # camera b is switched off, and its partition idle
    assert line.alerts() == ["camera=b"]
    progress = {
        row.segment: row for row in store.segment_progress(STREAM, BrightnessScorer.detector)
    }
    off = progress["camera=b"]
    assert off.judged_until is not None
    assert off.judged_until + timedelta(minutes=1) > off.event_time_max
    assert off.waiting_since is None


@pytest.mark.parametrize("faulty", ["a", "b"])
def test_a_camera_that_restarts_in_1970_hides_no_fault_and_is_told(
    store: Store, clock: HandClock, faulty: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(store, clock)
    line.run(8)
    line.run(6, behind={"b": YEARS})
    assert line.alerts() == []
    began = line.clock.now()
    line.run(6, behind={"b": YEARS}, unusual=faulty)
    assert line.alerts() == [f"camera={faulty}"]
    (alert,) = store.alerts(STREAM)
    assert began <= alert.opened_at <= began + timedelta(minutes=6)
    told = [r for r in caplog.records if getattr(r, "action", "") == "clock_wrong"]
    assert [r.getMessage().partition(":")[0] for r in told] == [
        "the clock of camera=b is 56 years behind"
    ]
    assert told[0].levelno == logging.WARNING
    status = line.loop.status()
    assert (status.n_wrong_clocks, round(status.worst_clock_seconds)) == (
        1,
        -round(YEARS.total_seconds()),
    )
    offsets = {
        row.segment: row.clock_offset_seconds
        for row in store.segment_progress(STREAM, BrightnessScorer.detector)
    }
    assert offsets["camera=a"] == pytest.approx(0, abs=0.01)
    assert offsets["camera=b"] == pytest.approx(-YEARS.total_seconds(), abs=0.01)
    line.run(1)
    assert line.loop.status().n_wrong_clocks == 0


def test_every_image_is_judged_once_whatever_its_date(store: Store, clock: HandClock) -> None:
    line = Line(store, clock)
    for behind in (timedelta(), timedelta(hours=5), YEARS, -timedelta(minutes=4), timedelta()):
        line.run(3, behind={"b": behind})
    line.settle()
    line.monitor.turn()
    progress = store.segment_progress(STREAM, BrightnessScorer.detector)
    assert {row.segment for row in progress} == {"*", "camera=a", "camera=b"}
    assert all(row.judged_until == row.claimed_until for row in progress)
    newest = {row.segment: row.event_time_max for row in progress}
    for row in progress:
        assert row.judged_until is not None
        assert row.judged_until + timedelta(minutes=1) > newest[row.segment]
    again = store.claim_windows(
        STREAM, BrightnessScorer.detector, window_seconds=60, idle_seconds=60, grace_seconds=10
    )
    assert (len(again.windows), again.late) == (0, [])
