"""A loop's status, made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.loop.lag import LagReading, PartitionLag
from driftgauge.agent.loop.status import LoopStatus, Unavailability

from ..records import NOON

ABOUT = {"stream": "line", "topic": "frames", "detector": "d-1", "layers": "5"}


@dataclass
class PretendLoop:
    """Has a status that a test can change."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON + timedelta(seconds=30)))
    changes: dict[str, Any] = field(default_factory=dict)

    def status(self) -> LoopStatus:
        known: dict[str, Any] = {
            "started_at": 0.0,
            "turned_at": 0.0,
            "flushed_at": 0.0,
            "partitions": frozenset({("frames", 0), ("frames", 1)}),
            "is_paused": False,
            "detector": "d-1",
            "n_layers": 5,
            "n_waiting": 3,
            "n_scored": 5,
            "n_skewed": 4,
            "n_tombstones": 6,
            "n_other": 5,
            "dead_letters": {"EventDecodeError": 1},
            "flushes": {"written": 1, "empty": 1, "failed": 1},
            "lag": LagReading(
                0.0,
                {
                    ("frames", 0): PartitionLag(7, round(NOON.timestamp() * 1000)),
                    ("frames", 1): PartitionLag(0),
                },
            ),
            "stage_seconds": {"poll": 1.0, "score.forward": 2.0, "a stage of your own": 3.0},
        }
        return LoopStatus(**(known | self.changes))

    def lose(self, dependency: str) -> None:
        """Let *dependency* not answer."""
        self.changes["unavailable"] = {dependency: Unavailability(0.0, "no answer")}
