"""What is known of the agents that run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatRecord:
    """The heartbeat that a running agent writes periodically.

    Attributes:
        agent: its unique name: host names and process ids repeat.
        condition: what it does, in a few words: ``running``, ``waiting for the database``.
        flushed_seconds_ago: since it last wrote counts; None before the first time.
        lag_messages: messages not counted yet; None if unknown.
        lag_seconds: age of the oldest of them.
        dead_letters: that it sent since it started.
        dead_letter_reason: of the last one.
        detector: the version that it scores with.
        shadow: the version that scores beside it; None without one.
        detector_problem: why it does not score with the version that it should; None where it does.
    """

    agent: str
    stream: str
    host: str
    version: str
    condition: str
    flushed_seconds_ago: float | None = None
    lag_messages: int | None = None
    lag_seconds: float | None = None
    dead_letters: int = 0
    dead_letter_reason: str | None = None
    detector: str | None = None
    shadow: str | None = None
    detector_problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """A running agent as the database last heard of it; every time is by the database's clock.

    Attributes:
        started_at: of its first heartbeat.
        seen_at: of its last one.
        seen_seconds_ago: since then. An agent that is killed stays, and this grows.
        last_flush_at: when it last wrote counts; None before the first time.
        detector_at: since when it has scored with *detector*.
    """

    agent: str
    stream: str
    host: str
    version: str
    condition: str
    started_at: datetime
    seen_at: datetime
    seen_seconds_ago: float
    last_flush_at: datetime | None
    lag_messages: int | None
    lag_seconds: float | None
    dead_letters: int
    dead_letter_reason: str | None
    detector: str | None
    detector_at: datetime | None
    shadow: str | None
    detector_problem: str | None
