"""Which agents run, and how each is."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, select

from .agent_records import AgentRecord, HeartbeatRecord
from .tables import agent, lease
from .upsert import upsert

KEPT_SECONDS = 7 * 86400
"""For how long an agent that was killed is remembered."""

_KEPT = ("agent", "started_at")


def write_heartbeat(connection: Connection, beat: HeartbeatRecord, now: datetime) -> None:
    """Note that the agent lives and how it is."""
    ago = beat.flushed_seconds_ago
    told = asdict(beat)
    del told["flushed_seconds_ago"]
    row = {
        **told,
        "started_at": now,
        "seen_at": now,
        "last_flush_at": None if ago is None else now - timedelta(seconds=ago),
        "detector_at": None if beat.detector is None else now,
    }
    statement = upsert(connection, agent)
    changed: dict[str, Any] = {name: statement.excluded[name] for name in row if name not in _KEPT}
    is_same = agent.c.detector == statement.excluded.detector
    changed["detector_at"] = case(
        (is_same, agent.c.detector_at), else_=statement.excluded.detector_at
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=agent.primary_key, set_=changed), row
    )


def forget_agents(connection: Connection, stream: str, now: datetime) -> None:
    """Delete the agents that have been silent for `KEPT_SECONDS`."""
    silent = agent.c.seen_at < now - timedelta(seconds=KEPT_SECONDS)
    connection.execute(agent.delete().where(agent.c.stream == stream, silent))


def read_agents(connection: Connection, stream: str, now: datetime) -> list[AgentRecord]:
    """Return the stream's agents, the last seen first."""
    query = select(agent).where(agent.c.stream == stream)
    rows = connection.execute(query.order_by(agent.c.seen_at.desc(), agent.c.agent)).mappings()
    return [
        AgentRecord(**row, seen_seconds_ago=(now - row["seen_at"]).total_seconds()) for row in rows
    ]


def remove_agent(connection: Connection, name: str) -> None:
    """Forget the agent and give back every lease that it holds."""
    connection.execute(lease.delete().where(lease.c.holder == name))
    connection.execute(agent.delete().where(agent.c.agent == name))
