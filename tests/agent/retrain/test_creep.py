"""Drift that creeps below every alarm: towards a known change the gate stops it, else the anchor tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from driftgauge.storage import GateCheck, Store

from ...stores import STREAM, HandClock, upgraded
from .traffic import PATTERN, RUN, WIDTH, Station, World

UNKNOWN = np.where(np.arange(WIDTH) // 2 % 2, 1, -1).astype(np.float32)
"""What is unlike every probe."""


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database, now=HandClock())
    store.ensure_stream(STREAM, "images", 60)
    yield Station.begun(store, tmp_path, World(resemblance=0.0))
    database.close()


def crept(station: Station, step: np.ndarray) -> tuple[str, list[GateCheck]]:
    """Let traffic move by *step*, retrain, and promote what passes."""
    station.send(60, lambda taps, age: taps + step)
    clock = station.store._clock
    assert isinstance(clock, HandClock)
    clock.advance(60 * RUN.total_seconds() + 1)
    retraining = station.retraining(cool_down=timedelta(0))
    record = retraining.run(trigger="person", by="ada")
    if record.state == "passed":
        station.activate(record.candidate or "")
    return record.state, retraining.checks(record)


def shift(checks: list[GateCheck]) -> float:
    words = next(one.words for one in checks if one.name == "anchor")
    moved = re.search(r"moved by ([\d.]+) standard", words)
    assert moved is not None
    return float(moved[1])


def test_creep_towards_a_known_change_is_refused_by_the_probes(station: Station) -> None:
    """The known change is twice the pattern; a tenth of it is learnt, and is seen."""
    state, checks = crept(station, 0.2 * PATTERN)
    assert state == "refused"
    assert {one.name for one in checks if one.verdict == "refused"} == {"probes"}


def test_creep_of_an_unknown_kind_is_learnt_and_the_anchor_tells_how_far(station: Station) -> None:
    told = [crept(station, 0.1 * number * UNKNOWN) for number in range(1, 6)]
    assert [state for state, _ in told] == ["passed"] * 5
    shifts = [shift(checks) for _, checks in told]
    assert shifts[-1] >= 1.5 * shifts[0]
