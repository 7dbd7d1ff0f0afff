"""Attempts to have a fault learnt as normal, with a real camera's taps: which of the defences stops each.

What each fault of `FAULTS` does to the taps of keio_river is added to its traffic, as far as an attacker goes: a
creep that grows from nothing to all of it over three weeks, or bursts of it before scheduled retrainings. Every
alert is called false by a person, so that only the gate and the quarantine are left.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.retrain.candidate import statistics_of
from driftgauge.detector import Detector, auroc
from driftgauge.storage import RetrainingRecord

from .season import BEGINS, CAMERA, LISTED, STREAM, TESTS, Season, begun, quiet
from .streams import Stream, quiet_alarms
from .table import Figure

KINDS = ("water drops", "dirt")
DAYS = 6.0
"""Between two retrainings."""

RUN_FRAMES = 32
BURSTS = {
    "the last run's frames": (1.0, 1),
    "a tenth of the frames of each run": (0.1, 100),
}
"""Share of frames that are crafted, and of how many runs before each retraining."""

Rows = list[dict[str, object]]


@dataclass
class Attack:
    """What came of one attempt.

    Attributes:
        reached: how strong the attack was at most in what promoted detectors learnt.
    """

    name: str
    kind: str
    rounds: int = 0
    passed: int = 0
    alerts: int = 0
    aside: int = 0
    reached: float = 0.0
    shift: str = ""
    stopped_by: tuple[str, ...] = ()

    def row(self, before: float, after: float) -> dict[str, object]:
        return {
            "attack": self.name, "fault": self.kind, "rounds with an alert": f"{self.alerts} of {self.rounds}",
            "events put aside": self.aside, "passed": self.passed,
            "refused by": ", ".join(sorted(set(self.stopped_by))) or "-",
            "learnt up to": f"{self.reached:.0%}", "AUROC, first": round(before, 1),
            "AUROC, last": round(after, 1), "anchor says": self.shift,
        }  # fmt: skip


def run_attacks(data: Path, method: str) -> tuple[Rows, list[Figure]]:
    """Try each; return a row each."""
    rows: Rows = [_tried(data, method, "none, for comparison", KINDS[0], (0.0, 0))]
    for kind in KINDS:
        rows.append(_tried(data, method, "creep over three weeks", kind, None))
        print(rows[-1], flush=True)
    for name, burst in BURSTS.items():
        rows.append(_tried(data, method, name, KINDS[0], burst))
        print(rows[-1], flush=True)
    attacks = rows[1:]
    unseen = [
        row
        for row in attacks
        if float(str(row["AUROC, last"])) < float(str(row["AUROC, first"])) - 3
    ]
    return rows, [
        Figure("attacks after which the fault is told worse by over 3 points of AUROC", len(unseen), f"of {len(attacks)}")
    ]  # fmt: skip


def _tried(
    data: Path, method: str, name: str, kind: str, burst: tuple[float, int] | None
) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        season = begun(data, Path(folder), method)
        first, faults = season.detector, season.faults
        strength = _strengths(season, burst)
        step = _step(season, faults, kind)
        season.taps = (season.taps.astype(np.float32) + strength[:, None] * step).astype(np.float16)
        for number, fault in enumerate(LISTED):  # the season's own faults are known, and not learnt
            season.alert(fault, number)
        attack = _lived(season, Attack(name, kind), strength)
        return attack.row(*(_told(one, faults, kind) for one in (first, season.detector)))


def _step(season: Season, faults: ProbeTaps, kind: str) -> NDArray[np.float32]:
    """Return what the fault adds to each channel on average."""
    parts = [
        (faults.probed[kind][name] - faults.plain[name]).mean(dim=0).numpy()
        for name in season.channels
    ]
    return np.concatenate(parts).astype(np.float32)


def _strengths(season: Season, burst: tuple[float, int] | None) -> NDArray[np.float32]:
    """Return how much of the fault each frame has, 0 to 1."""
    n = len(season.times)
    if burst is None:
        return np.clip((np.arange(n) - BEGINS) / (n - 600 - BEGINS), 0, 1).astype(np.float32)
    share, n_runs = burst
    rng = np.random.default_rng(0)
    strength = (rng.random(n) < share).astype(np.float32)
    strength[:BEGINS] = 0
    days = np.array(
        [(moment - season.times[BEGINS]).total_seconds() / 86_400 for moment in season.times]
    )
    left = (DAYS - days % DAYS) * 144  # frames until the next retraining
    strength[left > (n_runs + 1) * RUN_FRAMES] = 0
    if n_runs == 1:
        strength[left <= RUN_FRAMES] = 0  # a run that is not over is left for the next time
    return strength


def _lived(season: Season, attack: Attack, strength: NDArray[np.float32]) -> Attack:
    while season.next_row < len(season.times) - 10:
        rows = season.pass_days(DAYS)
        attack.rounds += 1
        if _alarms(season, rows):
            attack.alerts += 1
            season.alert(
                range(int(rows[0]), int(rows[-1]) + 1), 100 + attack.rounds, verdict="false"
            )
        record = season.retrain()
        _note(attack, season, record)
        if record.state == "passed" and record.candidate:
            season.promote(record.candidate)
            attack.passed += 1
            attack.reached = max(attack.reached, float(strength[rows].max()))
    return attack


def _alarms(season: Season, rows: NDArray[np.int64]) -> int:
    calm = quiet(rows.tolist())
    baseline = learn_baselines(season.detector.reference).get(CAMERA)
    spans = np.split(calm, np.flatnonzero(np.diff(calm) > 1) + 1)
    spanned = tuple(range(int(one[0]), int(one[-1]) + 1) for one in spans if len(one))
    stream = Stream(CAMERA, len(season.times), range(0), range(0), spanned)
    return quiet_alarms(baseline, stream, season.live, TESTS)


def _note(attack: Attack, season: Season, record: RetrainingRecord) -> None:
    checks = season.retraining().checks(record)
    refused = [one.name for one in checks if one.verdict == "refused"]
    if record.state == "refused" and not refused:
        refused = ["too little new traffic"]
    attack.stopped_by = (*attack.stopped_by, *refused)
    attack.aside = sum(one.events for one in season.store.retrainings.reviews(STREAM))
    told = next((one.words for one in checks if one.name == "anchor"), "")
    if told:
        rate, moved = told.split(" of its events")[0], told.split("moved by ")[-1]
        attack.shift = f"{rate.split(': ')[-1]}, {moved.split(' standard')[0]} deviations"


def _told(detector: Detector, faults: ProbeTaps, kind: str) -> float:
    """Return how well pictures with the whole fault are told from plain ones, AUROC in per cent."""
    plain, faulty = (statistics_of(detector, taps) for taps in (faults.plain, faults.probed[kind]))
    return auroc(plain, faulty)
