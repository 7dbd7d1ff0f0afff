"""How often a candidate is refused for what people called normal: faults, and traffic without any.

The constants of the check were chosen on vegas_site, with faults that are put on 34 frames; keio_river confirms.
Each stretch of usual traffic stands for a false alert that a person called normal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from driftgauge.agent.fit.fault_probes import with_faults
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.retrain.approvals import Approval
from driftgauge.agent.retrain.candidate import held_out_runs
from driftgauge.agent.retrain.learnt_check import LearntApproval, SeenTraffic, look_at_approvals
from driftgauge.agent.retrain.taps_sample import TapsSample
from driftgauge.detector import LEAN, Detector, fit_detector, split_reference

from .season import ALPHA, CAMERA, FITS, LISTED, quiet
from .season_taps import frame_times, read_fault_taps, read_season, read_span_with_faults
from .table import Figure

CACHE = Path("build/season")
SPAN = 32
SEEDS = (1000, 2000)
DAMAGED = range(640, 674)
STEP = 16


@dataclass(frozen=True)
class Camera:
    """One camera's frames.

    Attributes:
        window: seconds of 16 frames.
    """

    name: str
    channels: dict[str, int]
    taps: NDArray[np.float16]
    times: list[datetime]
    window: int
    method: str

    @classmethod
    def read(cls, folder: Path, name: str, window: int, method: str) -> Camera:
        channels, taps = read_season(folder, CACHE / f"{name}.npz", name)
        times = [moment.replace(tzinfo=UTC) for moment in frame_times(folder, name)]
        return cls(name, channels, taps, times, window, method)

    def sample(self, rows: NDArray[np.int64]) -> TapsSample:
        joined = torch.from_numpy(self.taps[rows]).float()
        parts = torch.split(joined, list(self.channels.values()), dim=1)
        seconds = np.array([int(self.times[row].timestamp()) for row in rows])
        taps = dict(zip(self.channels, parts, strict=True))
        runs = seconds // (2 * self.window) * (2 * self.window)
        return TapsSample(taps, seconds * 1_000_000, runs, [(CAMERA,)] * len(rows))

    def fitted(self, sample: TapsSample) -> Detector:
        return fit_detector(
            sample.taps, window_ids=sample.window_ids(self.window), segments=sample.segments,
            preset=replace(LEAN, method=self.method),
        )  # fmt: skip

    def candidate(self, sample: TapsSample) -> Detector:
        return self.fitted(sample.part(np.flatnonzero(~held_out_runs(sample.run_ids))))

    def faults(self, folder: Path, rows: NDArray[np.int64]) -> ProbeTaps:
        """Return the faults on 48 of the frames that a detector of *rows* is calibrated on."""
        held = rows[split_reference(self.sample(rows).window_ids(self.window)).held_out]
        probed = held[:: len(held) // 48][:48]
        return read_fault_taps(folder, CACHE / f"{self.name}_faults.npz", probed, CAMERA, self.name)

    def approval(self, rows: Sequence[int]) -> Approval:
        end = self.times[rows[-1]] + timedelta(seconds=1)
        return Approval(f"frame {rows[0]}", CAMERA, self.times[rows[0]], end, "")


def learnt_part(folder: Path, method: str) -> tuple[list[dict[str, object]], list[Figure]]:
    """Return a row a stretch that was looked at, and how many are refused."""
    CACHE.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    figures = []
    for name, part in PARTS.items():
        found, usual, faulty = part(folder, method)
        rows += found
        of = {"usual stretches": usual, "stretches with a fault": faulty}
        figures += [
            Figure(f"{name}: {what} called normal that refuse a candidate", sum(one.is_fault for one in each), f"of {len(each)}")
            for what, each in of.items() if each
        ]  # fmt: skip
    return rows, figures


Found = tuple[list[dict[str, object]], list[LearntApproval], list[LearntApproval]]


def _chosen_on(folder: Path, method: str) -> Found:
    camera = Camera.read(folder, "vegas_site", 16 * 900, method)
    first = np.arange(560)
    faults = camera.faults(folder, first)
    basis = with_faults(camera.fitted(camera.sample(first)), faults, alike=0.0, seed=0)
    rows = np.arange(300, 917)  # from then on floodlights are out
    spans = [range(first, first + SPAN) for first in range(300, 917 - SPAN, STEP)]
    usual = _looked_at(camera, basis, rows, spans)
    faulty = []
    cache = CACHE / f"{camera.name}_span.npz"
    damaged = read_span_with_faults(folder, cache, camera.name, DAMAGED, SEEDS)
    for taps in damaged.values():
        changed = camera.taps.copy()
        changed[DAMAGED] = taps
        faulty += _looked_at(replace(camera, taps=changed), basis, rows, [DAMAGED])
    return [*_rows(camera, usual), *_rows(camera, faulty, list(damaged))], usual, faulty


def _confirmed_on(folder: Path, method: str) -> Found:
    """Let the first detector and each candidate be the active one for the next, every six days."""
    camera = Camera.read(folder, "keio_river", 16 * 600, method)
    first = np.array(FITS)
    faults = camera.faults(folder, first)
    basis = with_faults(camera.fitted(camera.sample(first)), faults, alike=0.0, seed=0)
    usual: list[LearntApproval] = []
    faulty: list[LearntApproval] = []
    begins = 1000
    for until in (1863, 2727, 3592, 4137):
        calm = quiet(range(1000, until))
        own = calm[calm >= begins]
        spans = [own[n : n + SPAN].tolist() for n in range(0, len(own) - SPAN, SPAN)]
        usual += _looked_at(camera, basis, calm, spans)
        for fault in LISTED:
            if not begins <= fault.start < until:
                continue
            rows = np.sort(np.concatenate([calm, np.array(fault)]))
            faulty += _looked_at(camera, basis, rows, [fault])
        basis = with_faults(camera.candidate(camera.sample(calm)), faults, alike=0.0, seed=0)
        begins = until
    return [*_rows(camera, usual), *_rows(camera, faulty)], usual, faulty


def _looked_at(
    camera: Camera,
    basis: Detector,
    rows: NDArray[np.int64],
    spans: Sequence[Sequence[int]],
) -> list[LearntApproval]:
    sample = camera.sample(rows)
    candidate = camera.candidate(sample)
    seen = SeenTraffic.by(basis, candidate, sample, alpha=ALPHA)
    return [
        found for span in spans for found in look_at_approvals(basis, seen, [camera.approval(span)])
    ]


def _rows(
    camera: Camera, found: Sequence[LearntApproval], names: Sequence[str] = ()
) -> list[dict[str, object]]:
    return [
        {
            "camera": camera.name, "called normal": names[n] if names else one.approval.what,
            "looks like": str(one.names), "p, active": round(one.was, 3),
            "p, candidate": round(one.now, 3), "refused": one.is_fault,
        }
        for n, one in enumerate(found)
    ]  # fmt: skip


PARTS: dict[str, Callable[[Path, str], Found]] = {
    "vegas_site": _chosen_on,
    "keio_river": _confirmed_on,
}
