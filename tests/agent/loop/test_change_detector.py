"""The loop changes its detector between two batches: nothing is lost, nothing counts twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.next_detector import NextDetector
from driftgauge.agent.ports import Scored, ShadowScored

from ..records import NOON
from ..scorer import BrightnessScorer
from .test_loop import STREAM, Rig, finish, rig

__all__ = ["rig"]

SECOND = "brightness-2"


class Other(BrightnessScorer):
    """Another version, with other layers; it notes the sizes of its batches."""

    detector = SECOND
    columns = ("early", "late", "*")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        self.batches.append(len(images))
        scored = super().score(images, uniforms, segments)
        scores, p_values = (
            np.concatenate([part[:, :1], part], axis=1) for part in (scored.scores, scored.p_values)
        )
        return Scored(scores=scores, p_values=p_values)


def by_detector(rig: Rig) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rig.store.rates(STREAM, period="window", segment="*"):
        found[row.detector] += row.events
    return found


def change(loop: AgentLoop) -> Other:
    other = Other()
    loop.change_detector(NextDetector(other))
    return other


def test_windows_carry_the_detector_and_every_event_counts_once(rig: Rig) -> None:
    loop = rig.loop()
    rig.send(10)
    rig.turn(loop, 20)
    change(loop)
    rig.send(7)
    finish(rig, loop)
    assert by_detector(rig) == {"brightness-1": 10, SECOND: 7}
    assert rig.counts == {"*": 17, "camera=3": 17}
    assert loop.status().detector == SECOND
    assert loop.status().n_layers == 2
    windows = rig.store.windows(STREAM, SECOND, after=None, until=NOON + timedelta(days=1))
    assert {window.layer for window in windows} == {"early", "late", "*"}


def test_a_change_in_mid_stream_is_at_a_batch_s_boundary(rig: Rig) -> None:
    """Batches that were handed to the old scorer stay its own; flush writes both versions at once."""
    loop = rig.loop()
    rig.send(30)
    rig.turn(loop, 4)
    other = change(loop)
    finish(rig, loop)
    found = by_detector(rig)
    assert sum(found.values()) == 30
    assert set(found) == {"brightness-1", SECOND}
    assert sum(other.batches) == found[SECOND]
    assert max(other.batches) <= 4


def test_a_flush_that_fails_after_the_change_keeps_the_counts_of_both(rig: Rig) -> None:
    loop = rig.loop()
    rig.send(8)
    rig.turn(loop, 3)
    change(loop)
    rig.flaky.fail_before = 2
    rig.send(8)
    finish(rig, loop)
    assert sum(by_detector(rig).values()) == 16
    assert loop.status().n_counted == 16


def test_a_flush_of_both_that_broke_after_its_commit_counts_nothing_twice(rig: Rig) -> None:
    loop = rig.loop()
    rig.send(8)
    rig.turn(loop, 3)
    change(loop)
    rig.flaky.fail_after = 1
    rig.send(8)
    finish(rig, loop)
    assert sum(by_detector(rig).values()) == 16


def test_the_last_of_two_changes_holds(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    loop = rig.loop()
    change(loop)
    loop.change_detector(NextDetector(BrightnessScorer()))
    rig.send(3)
    finish(rig, loop)
    assert by_detector(rig) == {"brightness-1": 3}


def test_back_and_forth_adds_to_the_same_windows(rig: Rig, tmp_path: Path) -> None:
    loop = rig.loop()
    for following in (Other(), BrightnessScorer(), Other()):
        rig.send(5)
        rig.turn(loop, 15)
        loop.change_detector(NextDetector(following))
    finish(rig, loop)
    assert by_detector(rig) == {"brightness-1": 10, SECOND: 5}


class Doubled(BrightnessScorer):
    """A shadow of other layers scores beside it."""

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        scored = super().score(images, uniforms, segments)
        beside = Other().score(images, uniforms, segments)
        shadow = ShadowScored(SECOND, Other.columns, (), beside.scores, beside.p_values)
        return replace(scored, shadow=shadow)


def test_a_shadow_counts_under_its_own_name_and_in_no_sum(rig: Rig) -> None:
    loop = rig.loop()
    loop.change_detector(NextDetector(Doubled(), shadow=SECOND))
    rig.send(20)
    finish(rig, loop)
    assert by_detector(rig) == {"brightness-1": 20}
    assert rig.counts == {"*": 20, "camera=3": 20}
    assert loop.status().shadow == SECOND
    end = NOON + timedelta(days=1)
    windows = rig.store.windows(STREAM, f"shadow~{SECOND}", after=None, until=end)
    assert {window.layer for window in windows} == {"early", "late", "*"}
    assert sum(one.events for one in windows if (one.segment, one.layer) == ("*", "*")) == 20
