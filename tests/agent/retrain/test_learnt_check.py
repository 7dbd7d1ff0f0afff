"""A candidate that learnt a fault which people had called normal is refused, unless they say so again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from driftgauge.agent.fit.fault_probes import with_faults
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.retrain.approvals import Approval, read_approvals
from driftgauge.agent.retrain.candidate import GateInput
from driftgauge.agent.retrain.learnt_check import check_learnt
from driftgauge.agent.retrain.taps_sample import TapsSample
from driftgauge.detector import PIXELS, STATISTICS, Detector, fit_detector
from driftgauge.storage import GateCheck, Store

from ...stores import START, STREAM, HandClock, alert, upgraded
from .traffic import PRESET, RUN

WIDTHS = {PIXELS: len(STATISTICS), "late": 6}
WIDTH = sum(WIDTHS.values())
KINDS = ("blurred", "darkened")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(minutes=10)
CAMERA = "camera=1"
FAULT = range(600, 660)
"""Events whose alert was called normal."""


def damage(kind: int) -> np.ndarray:
    shift = np.zeros(WIDTH)
    shift[8 * kind : 8 * kind + 8] = 4.0
    return shift


def rows(seed: int, n: int, shift: np.ndarray | float = 0.0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(n, WIDTH)) + shift
    return drawn.astype(np.float32)


def split(joined: np.ndarray) -> dict[str, torch.Tensor]:
    parts = torch.split(torch.from_numpy(joined), list(WIDTHS.values()), dim=1)
    return dict(zip(WIDTHS, parts, strict=True))


def fitted(joined: np.ndarray) -> Detector:
    n = len(joined)
    return fit_detector(
        split(joined), window_ids=np.arange(n) // 8, segments=[(CAMERA,)] * n, preset=PRESET
    )


@pytest.fixture(scope="module")
def basis() -> Detector:
    plain = split(rows(5, 64))
    changed = {kind: split(rows(6 + n, 64, damage(n))) for n, kind in enumerate(KINDS)}
    return with_faults(
        fitted(rows(1, 1600)), ProbeTaps(plain, changed, [(CAMERA,)] * 64), alike=0.0, seed=0
    )


def traffic(shift: np.ndarray | float) -> np.ndarray:
    joined = rows(2, 1600)
    joined[FAULT] += shift
    return joined


def seen(basis: Detector, joined: np.ndarray, candidate: Detector | None = None) -> GateInput:
    n = len(joined)
    times = np.array([int((BEGIN + row * STEP).timestamp()) * 1_000_000 for row in range(n)])
    sample = TapsSample(split(joined), times, times // 10**9, [(CAMERA,)] * n)
    end = BEGIN + FAULT.stop * STEP
    approval = Approval(
        "alert 3", CAMERA, BEGIN + FAULT.start * STEP, end, "driftgauge alerts show 3"
    )
    return GateInput(
        candidate=candidate or fitted(joined), basis=basis, accepted=sample, fresh=sample, real=None,
        anchor=None, probes=None, alpha=0.01, approvals=[approval],
    )  # fmt: skip


def only(checks: list[GateCheck]) -> GateCheck:
    (check,) = checks
    assert check.name == "learnt"
    return check


def test_a_fault_that_was_called_normal_and_learnt_is_refused_by_its_name(basis: Detector) -> None:
    check = only(check_learnt(seen(basis, traffic(damage(1)))))
    assert (check.verdict, check.figure) == ("refused", 1.0)
    assert (
        "alert 3 of camera=1 since 2026-03-05 04:00 UTC (60 events) looks like: darkened"
        in check.words
    )
    assert "driftgauge alerts show 3" in check.words
    assert "driftgauge retrain --accept-learnt" in check.words


def test_a_person_who_says_so_twice_is_believed(basis: Detector) -> None:
    check = only(check_learnt(replace(seen(basis, traffic(damage(1))), accepts_learnt=True)))
    assert (check.verdict, check.figure) == ("passed", 1.0)
    assert "looks like: darkened" in check.words  # it is told all the same
    assert "a person said that they are normal" in check.words


@pytest.mark.parametrize("shift", [0.0, np.linspace(-2.5, 2.5, WIDTH)])
def test_what_looks_like_no_known_fault_passes(basis: Detector, shift: np.ndarray | float) -> None:
    check = only(check_learnt(seen(basis, traffic(shift))))
    assert check.verdict == "passed"
    assert "called normal: 1 learnt; none of them" in check.words


def test_a_candidate_that_still_tells_the_fault_has_not_learnt_it(basis: Detector) -> None:
    given = seen(basis, traffic(damage(1)), candidate=fitted(rows(3, 1600)))
    assert only(check_learnt(given)).verdict == "passed"


def test_another_segments_approval_is_not_looked_at(basis: Detector) -> None:
    given = seen(basis, traffic(damage(1)))
    other = replace(given, approvals=[replace(given.approvals[0], segment="camera=2")])
    assert only(check_learnt(other)).verdict == "passed"
    whole = replace(given, approvals=[replace(given.approvals[0], segment="*")])
    assert only(check_learnt(whole)).verdict == "refused"


def test_without_known_faults_it_says_that_nothing_is_compared(basis: Detector) -> None:
    check = only(check_learnt(seen(replace(basis, faults=None), traffic(damage(1)))))
    assert check.verdict == "not checked"
    assert "the detector has learnt no faults" in check.words


def test_approvals_are_alerts_and_runs_that_people_called_normal(tmp_path: Path) -> None:
    clock = HandClock()
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database, now=clock)
    store.ensure_stream(STREAM, "images", 60)
    numbers = [
        one.id or 0
        for one in store.write_alerts([
            alert(segment=f"camera={n}", state="resolved", since=START, refreshed_at=START + RUN)
            for n in range(3)
        ])
    ]  # fmt: skip
    store.give_verdict(numbers[0], "accepted", at=clock(), by="ada")
    store.give_verdict(numbers[1], "real", at=clock(), by="ada")
    store.retrainings.put_aside(STREAM, [("camera=0", START + 4 * RUN, 32, 20)])
    (waiting,) = store.retrainings.reviews(STREAM)
    assert len(read_approvals(store.alerts(STREAM), [waiting], RUN)) == 1
    store.retrainings.decide(STREAM, [waiting.id], "accepted", by="ada")
    first, second = read_approvals(store.alerts(STREAM), store.retrainings.reviews(STREAM), RUN)
    assert (first.what, first.segment, first.begin) == (f"alert {numbers[0]}", "camera=0", START)
    assert first.begin < START + RUN < first.end
    assert (second.begin, second.end) == (START + 4 * RUN, START + 5 * RUN)
    database.close()
