"""Waits until the agents of a stream score with a detector, and says which do not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgauge.storage import AgentRecord, Store

from ..ports import Clock
from ..review.standing import is_alive

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the agents of a stream are.

    Attributes:
        arrived: score with the detector.
        behind: do not, or not yet.
        seconds: from the change until the last agent had changed; None while one is behind, or none
            runs.
    """

    arrived: Sequence[AgentRecord]
    behind: Sequence[AgentRecord]
    seconds: float | None

    @property
    def refusals(self) -> list[str]:
        """Return why agents stay with another detector, a line each."""
        return [
            f"{agent.host} stays with {agent.detector}: {agent.detector_problem}"
            for agent in self.behind
            if agent.detector_problem
        ]


def arrival_of(store: Store, stream: str, detector: str, changed_at: datetime) -> Arrival:
    """Return which of the stream's agents score with *detector*, active since *changed_at*."""
    alive = [agent for agent in store.agents(stream) if is_alive(agent)]
    arrived = [agent for agent in alive if agent.detector == detector]
    behind = [agent for agent in alive if agent.detector != detector]
    times = [agent.detector_at for agent in arrived if agent.detector_at is not None]
    seconds = None
    if times and not behind:
        seconds = max(0.0, (max(times) - changed_at).total_seconds())
    return Arrival(arrived, behind, seconds)


def wait_for_agents(
    store: Store,
    stream: str,
    detector: str,
    *,
    changed_at: datetime,
    timeout_seconds: float,
    clock: Clock,
) -> Arrival:
    """Return once every agent that runs has changed or said why it does not, or the time is over."""
    deadline = clock.monotonic() + timeout_seconds
    found = arrival_of(store, stream, detector, changed_at)
    while found.behind and clock.monotonic() < deadline:
        if len(found.refusals) == len(found.behind):
            return found
        clock.sleep(_LOOK_SECONDS)
        found = arrival_of(store, stream, detector, changed_at)
    return found
