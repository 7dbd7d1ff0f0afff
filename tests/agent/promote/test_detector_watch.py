"""A running agent follows the database's choice of a detector, and says loudly where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.loop.next_detector import NextDetector
from driftgauge.agent.promote.detector_watch import RETRY_SECONDS, DetectorWatch, Loop
from driftgauge.detector import ArtifactCorrupt
from driftgauge.storage import DetectorRecord, Store

from ...stores import START, STREAM, TOPIC, upgraded
from ..scorer import BrightnessScorer
from ..telemetry.pretend_loop import PretendLoop


class NamedScorer(BrightnessScorer):
    def __init__(self, name: str) -> None:
        self.detector = name


class Rig:
    """A database with three versions, and a loop that takes what it is given at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock(START)
        self.pretend = PretendLoop(self.clock, {"detector": "d1"})
        self.broken: set[str] = set()
        self.prepared: list[str] = []
        self.n_told = 0
        for name, status in (("d1", "active"), ("d2", "candidate"), ("d3", "candidate")):
            record = DetectorRecord(name, STREAM, f"file:{name}", START, status, {})  # type: ignore[arg-type]  # one of them
            store.register_detector(record)
        self.watch = DetectorWatch(
            store,
            Loop(self.pretend.status, self.take),
            self.clock,
            stream=STREAM,
            current="d1",
            prepare=self.prepare,
            tell=self.tell,
        )

    def prepare(self, record: DetectorRecord, beside: DetectorRecord | None) -> NextDetector:
        self.prepared.append(record.detector)
        if {record.detector, beside.detector if beside else None} & self.broken:
            raise ArtifactCorrupt(f"cannot load detector {record.uri}: no such file")
        shadow = beside.detector if beside else None
        return NextDetector(NamedScorer(record.detector), shadow=shadow)

    def take(self, following: NextDetector) -> None:
        self.pretend.changes["detector"] = following.scorer.detector
        self.pretend.changes["shadow"] = following.shadow

    def tell(self) -> None:
        self.n_told += 1

    def promote(self, name: str) -> None:
        self.store.versions.promote(STREAM, name, by="ann")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    yield Rig(store)
    database.close()


def test_what_is_promoted_scores_after_the_next_look_and_is_told(rig: Rig) -> None:
    rig.watch.look()
    assert (rig.prepared, rig.n_told) == ([], 0)
    rig.promote("d2")
    rig.watch.look()
    rig.watch.look()
    assert rig.watch.current == "d2"
    assert (rig.prepared, rig.n_told, rig.watch.problem) == (["d2"], 1, None)


def test_a_rollback_is_followed_as_a_promotion_is(rig: Rig) -> None:
    rig.promote("d2")
    rig.watch.look()
    rig.store.versions.rollback(STREAM, by="ann")
    rig.watch.look()
    assert (rig.watch.current, rig.prepared) == ("d1", ["d2", "d1"])


def test_what_cannot_be_loaded_leaves_the_old_one_scoring_and_is_said_loudly(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.broken.add("d2")
    rig.promote("d2")
    rig.watch.look()
    rig.watch.look()
    assert rig.watch.current == "d1"
    assert rig.watch.problem == (
        "detector d2 is active and cannot be used by this agent: cannot load detector file:d2: no such "
        "file; fit again, or restore the folder from a copy"
    )
    (said,) = [one for one in caplog.records if getattr(one, "action", "") == "detector_not_usable"]
    assert said.levelname == "ERROR"
    assert "this agent stays with d1" in said.getMessage()
    assert rig.n_told == 1


def test_it_is_tried_again_after_a_while_and_taken_once_it_is_whole(rig: Rig) -> None:
    rig.broken.add("d2")
    rig.promote("d2")
    rig.watch.look()
    rig.broken.clear()
    rig.watch.look()
    assert rig.prepared == ["d2"]
    rig.clock.sleep(RETRY_SECONDS)
    rig.watch.look()
    assert (rig.watch.current, rig.watch.problem) == ("d2", None)


def test_another_promotion_or_a_rollback_ends_the_problem_at_once(rig: Rig) -> None:
    rig.broken.add("d2")
    rig.promote("d2")
    rig.watch.look()
    rig.promote("d3")
    rig.watch.look()
    assert (rig.watch.current, rig.watch.problem) == ("d3", None)
    rig.promote("d2")
    rig.watch.look()
    rig.store.versions.rollback(STREAM, by="ann")
    rig.watch.look()
    assert (rig.watch.current, rig.watch.problem) == ("d3", None)


def test_a_shadow_scores_beside_the_active_one_and_ends_with_its_promotion(rig: Rig) -> None:
    rig.store.versions.shadow(STREAM, "d2", by="gate")
    rig.watch.look()
    rig.watch.look()
    assert (rig.watch.current, rig.pretend.status().shadow) == ("d1", "d2")
    rig.promote("d2")
    rig.watch.look()
    assert (rig.watch.current, rig.pretend.status().shadow) == ("d2", None)
    assert rig.prepared == ["d1", "d2"]


def test_a_shadow_that_cannot_be_used_stops_nobody(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.broken.add("d2")
    rig.store.versions.shadow(STREAM, "d2", by="gate")
    rig.watch.look()
    rig.watch.look()
    assert (rig.watch.current, rig.watch.problem) == ("d1", None)
    assert rig.pretend.status().shadow is None
    said = [one for one in caplog.records if getattr(one, "action", "") == "shadow_not_usable"]
    assert len(said) == 1


def test_a_shadow_that_is_refused_or_followed_by_another_scores_no_more(rig: Rig) -> None:
    for name in ("d2", "d3"):
        rig.store.versions.shadow(STREAM, name, by="gate")
        rig.watch.look()
        assert rig.pretend.status().shadow == name
    rig.store.versions.refuse(STREAM, "d3", by="ann", note="too many alarms")
    rig.watch.look()
    assert (rig.watch.current, rig.pretend.status().shadow) == ("d1", None)


def test_a_shadow_whose_active_one_cannot_be_read_again_changes_nothing(rig: Rig) -> None:
    rig.broken.add("d1")
    rig.store.versions.shadow(STREAM, "d2", by="gate")
    for _ in range(3):
        rig.watch.look()
    assert (rig.watch.current, rig.pretend.status().shadow) == ("d1", None)
    assert rig.prepared == ["d1", "d1"]  # with the shadow and without, and not again and again
    assert rig.watch.problem is None  # the active one scores on, from memory
