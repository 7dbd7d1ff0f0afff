"""A loop's condition, made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.loop.condition import Condition
from driftgauge.agent.loop.lag import LagReading, PartitionLag

from ..records import NOON

ABOUT = {"stream": "line", "topic": "frames", "detector": "d-1", "layers": "5"}


@dataclass
class PretendLoop:
    """Has a condition that a test can change."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON + timedelta(seconds=30)))
    changes: dict[str, Any] = field(default_factory=dict)

    def condition(self) -> Condition:
        known: dict[str, Any] = {
            "turned_at": 0.0,
            "flushed_at": 0.0,
            "partitions": frozenset({("frames", 0), ("frames", 1)}),
            "is_paused": False,
            "absent": None,
            "n_waiting": 3,
            "n_skewed": 4,
            "n_bounded": 5,
            "lag": LagReading(
                0.0,
                {
                    ("frames", 0): PartitionLag(7, round(NOON.timestamp() * 1000)),
                    ("frames", 1): PartitionLag(0),
                },
            ),
            "stage_seconds": {"poll": 1.0, "score.forward": 2.0, "a stage of your own": 3.0},
        }
        return Condition(**(known | self.changes))
