"""Health follows the loop alone; readiness what it needs to count events."""

from __future__ import annotations

import pytest

from driftgauge.agent.telemetry import Health

from .pretend_loop import PretendLoop


@pytest.fixture
def loop() -> PretendLoop:
    return PretendLoop()


@pytest.fixture
def health(loop: PretendLoop) -> Health:
    return Health(loop.status, loop.clock, max_silence_seconds=60)


def test_a_loop_that_hangs_is_not_alive(loop: PretendLoop, health: Health) -> None:
    loop.clock.sleep(59)
    assert health.is_alive().holds
    loop.clock.sleep(2)
    finding = health.is_alive()
    assert not finding.holds
    assert finding.checks == {"last_turn_seconds": 61, "max_silence_seconds": 60}


@pytest.mark.parametrize("dependency", ["broker", "dead_letters", "database"])
def test_the_world_is_no_reason_to_start_the_agent_anew(
    loop: PretendLoop, health: Health, dependency: str
) -> None:
    loop.lose(dependency)
    assert health.is_alive().holds
    assert not health.is_ready().holds
    assert health.is_ready().checks[dependency] is False


def test_an_agent_with_partitions_and_a_database_is_ready(
    loop: PretendLoop, health: Health
) -> None:
    assert health.is_ready().holds
    assert health.is_ready().checks == {
        "partitions": 2, "detector": "d-1", "broker": True, "dead_letters": True,
        "database": True,
    }  # fmt: skip
    loop.changes["partitions"] = frozenset()
    assert not health.is_ready().holds
