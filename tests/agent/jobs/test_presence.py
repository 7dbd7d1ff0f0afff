"""Who asks the database which agents live is told the truth, of those that hang as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.jobs.presence import Presence, agent_name
from driftgauge.agent.loop.lag import LagReading, PartitionLag
from driftgauge.storage import AgentRecord, Database, Store, StoreUnavailable

from ...stores import upgraded
from ..records import NOON
from ..telemetry.pretend_loop import PretendLoop

STREAM = "line"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON + timedelta(seconds=30))


@pytest.fixture
def store(database: Database, clock: ManualClock) -> Store:
    made = Store(database, now=clock.now)
    made.ensure_stream(STREAM, "frames", 60)
    return made


@pytest.fixture
def loop(clock: ManualClock) -> PretendLoop:
    return PretendLoop(clock)


def presence(store: Store, loop: PretendLoop, name: str = "a") -> Presence:
    return Presence(store, loop.status, loop.clock, name=name, stream=STREAM)


def told(store: Store, loop: PretendLoop) -> AgentRecord:
    presence(store, loop).tell()
    (row,) = store.agents(STREAM)
    return row


def test_an_agent_that_runs_tells_what_a_person_asks_for(store: Store, loop: PretendLoop) -> None:
    loop.clock.sleep(20)
    loop.changes |= {
        "turned_at": 20.0,
        "written_at": 15.0,
        "dead_letters": {"EventDecodeError": 3},
        "last_dead_letter": "frames/0@7: no picture",
    }
    row = told(store, loop)
    assert row.condition == "running"
    assert row.last_flush_at == loop.clock.now() - timedelta(seconds=5)
    assert (row.lag_messages, row.lag_seconds) == (7, 50)
    assert (row.dead_letters, row.dead_letter_reason) == (3, "frames/0@7: no picture")


def test_an_agent_says_why_it_does_not_score_with_the_active_detector(
    store: Store, loop: PretendLoop
) -> None:
    agent = presence(store, loop)
    agent.ask_problem(lambda: "detector d2 is active and cannot be used by this agent: no folder")
    agent.tell()
    (row,) = store.agents(STREAM)
    assert row.condition == (
        "running; detector d2 is active and cannot be used by this agent: no folder"
    )
    assert (row.detector, row.detector_problem) == ("d-1", row.condition.removeprefix("running; "))
    agent.ask_problem(lambda: None)
    agent.tell()
    assert store.agents(STREAM)[0].condition == "running"
    assert store.agents(STREAM)[0].detector_problem is None


def test_before_anything_is_known_nothing_is_made_up(store: Store, loop: PretendLoop) -> None:
    loop.changes |= {"lag": LagReading(), "dead_letters": {}, "partitions": frozenset()}
    row = told(store, loop)
    assert row.condition == "waiting for partitions"
    assert (row.last_flush_at, row.lag_messages, row.lag_seconds) == (None, None, None)
    assert (row.dead_letters, row.dead_letter_reason) == (0, None)


def test_what_does_not_answer_is_named(store: Store, loop: PretendLoop) -> None:
    loop.lose("broker")
    assert told(store, loop).condition == "waiting for the broker"


def test_a_loop_that_hangs_is_told_by_the_job_beside_it(store: Store, loop: PretendLoop) -> None:
    loop.clock.sleep(200)
    assert told(store, loop).condition == "stuck for 200 s"


def test_a_misspelt_segment_is_told(store: Store, loop: PretendLoop) -> None:
    loop.changes["missing_segments"] = ("camrea",)
    assert told(store, loop).condition == "running, but no event has the segment camrea"


def test_an_agent_that_leaves_is_gone_with_its_leases_and_one_that_was_killed_grows_old(
    store: Store, loop: PretendLoop, clock: ManualClock
) -> None:
    ours, killed = presence(store, loop), presence(store, loop, "b")
    ours.tell()
    killed.tell()
    assert store.acquire_lease("monitor/line", "a", ttl_seconds=1e6)
    clock.sleep(99)
    ours.leave()
    (left,) = store.agents(STREAM)
    assert (left.agent, left.seen_seconds_ago) == ("b", 99)
    assert store.acquire_lease("monitor/line", "b", ttl_seconds=30)


def test_leaving_does_not_fail_where_the_database_is_away(
    store: Store, loop: PretendLoop, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(Store):
        def leave(self, agent: str) -> None:
            raise StoreUnavailable("the database is away")

    presence(Away(database), loop).leave()
    assert "could not be removed from the database: the database is away" in caplog.text


def test_two_agents_of_one_process_have_two_names() -> None:
    assert agent_name() != agent_name()


def test_the_lag_is_that_of_the_slowest_partition(store: Store, loop: PretendLoop) -> None:
    second = round(NOON.timestamp() * 1000)
    loop.changes["lag"] = LagReading(
        0.0,
        {("frames", 0): PartitionLag(5, second), ("frames", 1): PartitionLag(2, second - 10_000)},
    )
    row = told(store, loop)
    assert (row.lag_messages, row.lag_seconds) == (7, 40)
