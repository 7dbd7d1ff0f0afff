"""Is it working? What agents say of themselves, and whether windows are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from driftgauge.storage import POOL, AgentRecord, RateRow, Store, StreamRecord

SILENT_SECONDS = 60.0
"""An agent sends a heartbeat every ten seconds; without one for this long it is gone."""

_MOST_WINDOWS_BEHIND = 10
_LEAST_BEHIND = timedelta(minutes=10)

Answer = Literal["working", "not running", "held up", "not judging"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStanding:
    """Whether a stream is watched.

    Attributes:
        answer: ``working``; ``not running``: no agent sends a heartbeat; ``held up``: none of those
            that do is running; ``not judging``: events are counted, and windows are not judged.
        why: in a sentence, where it does not work.
        agents: those that were seen lately first.
        judged_until: event time; None before the first window is judged.
        last_window: the newest window over all events.
        judging_lag_seconds: how long the oldest count has waited to be judged, by the database's
            clock; 0 where none waits, None before any is counted.
    """

    answer: Answer
    why: str
    agents: Sequence[AgentRecord]
    judged_until: datetime | None
    last_window: RateRow | None
    judging_lag_seconds: float | None


def stream_standing(store: Store, stream: StreamRecord) -> StreamStanding:
    """Return whether *stream* is watched now, by what the database knows."""
    name = stream.stream
    agents, monitor = store.agents(name), store.monitor_state(name)
    newest = _newest_window(store, name)
    active = store.active_detector(name)
    waiting = store.waiting_seconds(name, active.detector) if active else None
    lag = waiting or 0.0 if newest else None
    answer, why = _answer(agents, lag, timedelta(seconds=stream.window_seconds))
    return StreamStanding(
        answer=answer,
        why=why,
        agents=agents,
        judged_until=monitor.cursor if monitor else None,
        last_window=newest[0] if newest else None,
        judging_lag_seconds=lag,
    )


def _newest_window(store: Store, stream: str) -> list[RateRow]:
    """Return the newest window over all events; the whole history is read only where it must be."""
    begun = store.segments(stream).get(POOL)
    found = store.rates(stream, period="window", segment=POOL, since=begun, limit=1)
    return found or store.rates(stream, period="window", segment=POOL, limit=1)


def is_alive(agent: AgentRecord) -> bool:
    """Return whether the agent has sent a heartbeat lately."""
    return agent.seen_seconds_ago <= SILENT_SECONDS


def _answer(
    agents: Sequence[AgentRecord], lag_seconds: float | None, window: timedelta
) -> tuple[Answer, str]:
    alive = [agent for agent in agents if is_alive(agent)]
    if not alive:
        if not agents:
            return "not running", "no agent runs: driftgauge run"
        last = agents[0]
        return "not running", (
            f"the last heartbeat of the agent on {last.host} was {last.seen_seconds_ago:.0f} s ago, and "
            "it did not shut down cleanly: check its log, then start driftgauge run"
        )
    if not any(agent.condition.startswith("running") for agent in alive):
        return "held up", f"the agent on {alive[0].host} is {alive[0].condition}"
    allowed = max(_MOST_WINDOWS_BEHIND * window, _LEAST_BEHIND).total_seconds()
    if lag_seconds is not None and lag_seconds > allowed:
        return (
            "not judging",
            f"images that were counted have waited {lag_seconds:.0f} s to be judged",
        )
    return "working", ""
