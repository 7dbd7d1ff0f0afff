"""The store's calls: agents and their leases."""

from __future__ import annotations

from .. import agents, leases
from ..agent_records import AgentRecord, HeartbeatRecord
from .connected import Connected


class AgentCalls(Connected):
    """Calls on agents and their leases; see `Store`."""

    def heartbeat(self, record: HeartbeatRecord) -> None:
        """Note that an agent of a registered stream lives, and how it is."""
        with self._database.write() as connection:
            now = self._now(connection)
            agents.write_heartbeat(connection, record, now)
            agents.forget_agents(connection, record.stream, now)

    def agents(self, stream: str) -> list[AgentRecord]:
        """Return the agents that run, or were killed within a week; the last seen first."""
        with self._database.read() as connection:
            return agents.read_agents(connection, stream, self._now(connection))

    def leave(self, agent: str) -> None:
        """Delete the row of an agent that shuts down cleanly, and release its leases."""
        with self._database.write() as connection:
            agents.remove_agent(connection, agent)

    def acquire_lease(self, name: str, holder: str, *, ttl_seconds: float) -> bool:
        """Take or renew a lease by the database's clock; return whether *holder* holds it."""
        with self._database.write() as connection:
            now = self._now(connection)
            return leases.acquire_lease(connection, name, holder, ttl_seconds=ttl_seconds, now=now)

    def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back; another's stays."""
        with self._database.write() as connection:
            leases.release_lease(connection, name, holder)
