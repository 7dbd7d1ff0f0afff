"""Short ways to make events of which taps are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from driftgauge.agent.counting.tap_keeper import KeepSettings
from driftgauge.agent.events.event import NO_IMAGE, Event
from driftgauge.agent.keep.run_choice import RunSettings
from driftgauge.agent.keep.shard_folder import ShardFolder
from driftgauge.agent.ports import Scored

from ...stores import DETECTOR, START, STREAM

RUN = timedelta(minutes=8)
DAY = START.replace(hour=0)


def run_settings(**more: int) -> RunSettings:
    values = {"run_seconds": 480, "runs_per_day": 3, "max_bytes_per_day": 2**30, **more}
    return RunSettings(key="database", **values)


def keep_settings(folder: Path | str, **more: int) -> KeepSettings:
    return KeepSettings(
        stream=STREAM,
        detector=DETECTOR,
        origin="origin",
        channels={"a": 2, "b": 1},
        runs=run_settings(**more),
        folder=ShardFolder(str(folder)),
        alpha=0.01,
    )


def event(offset: int, at: datetime, camera: str = "1") -> Event:
    return Event("images", 0, offset, f"e{offset}", at, {"camera": camera}, NO_IMAGE)


def names(events: Sequence[Event]) -> list[list[str]]:
    return [["*", f"camera={event.segments['camera']}"] for event in events]


def scored(n: int, *, p: float = 0.5) -> Scored:
    taps = np.arange(3 * n, dtype=np.float16).reshape(n, 3)
    return Scored(scores=np.ones((n, 2)), p_values=np.full((n, 2), p), taps=taps)
