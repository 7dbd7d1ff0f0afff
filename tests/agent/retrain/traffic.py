"""Simulated traffic of cameras, its taps kept as an agent keeps them, and a detector fitted on the first of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from driftgauge.agent.counting.tap_keeper import KeepSettings, TapKeeper
from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.events.event import NO_IMAGE, Event
from driftgauge.agent.fit.companions import ANCHOR, PROBES, encode_probes
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.fit.registration import detector_record, normal_rates
from driftgauge.agent.keep.origin import tap_origin
from driftgauge.agent.keep.run_choice import RunSettings
from driftgauge.agent.keep.shard import Shard, as_float16, encode_shard
from driftgauge.agent.keep.shard_folder import ShardFolder
from driftgauge.agent.ports import Scored
from driftgauge.agent.retrain.clustered_rate import measure_rate, rate_interval
from driftgauge.agent.retrain.gate import GateBounds
from driftgauge.agent.retrain.material import MaterialSettings
from driftgauge.agent.retrain.reach import KeepBounds
from driftgauge.agent.retrain.retraining import Retraining, RetrainingSettings
from driftgauge.detector import (
    LEAN,
    Detector,
    ModelIdentity,
    fit_detector,
    load_detector,
    save_detector,
)
from driftgauge.storage import Store

from ...stores import START, STREAM, HandClock, advance, flush, upgraded

CHANNELS = {"early": 6, "late": 10}
WIDTH = sum(CHANNELS.values())
RUN = timedelta(minutes=8)
IDENTITY = ModelIdentity("weights", "preprocessing", "float32")
PRESET = replace(LEAN, method="mahalanobis")
Change = Callable[[NDArray[np.float32], timedelta], NDArray[np.float32]]


PATTERN = np.where(np.arange(WIDTH) % 2, 1, -1).astype(np.float32)
"""What a fault adds to the channels; a constant would be normalised away."""


def unchanged(taps: NDArray[np.float32], age: timedelta) -> NDArray[np.float32]:
    return taps


@dataclass
class World:
    """Cameras whose neighbouring frames resemble each other; the same for the same seed."""

    seed: int = 0
    cameras: int = 2
    resemblance: float = 0.5
    rng: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        fixed = np.random.default_rng(99)
        self._mixing = fixed.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5 + np.eye(WIDTH)
        self._levels = fixed.normal(size=(self.cameras, WIDTH))

    def run(self, camera: int, n: int) -> NDArray[np.float32]:
        """Return the taps of *n* frames in a row, ``(n, WIDTH)``."""
        fresh = self.rng.normal(size=(n, WIDTH))
        shared = self.rng.normal(size=WIDTH)
        drawn = self.resemblance**0.5 * shared + (1 - self.resemblance) ** 0.5 * fresh
        mixed: NDArray[np.float32] = (drawn @ self._mixing + self._levels[camera]).astype(
            np.float32
        )
        return mixed


def as_taps(rows: NDArray[np.float32]) -> dict[str, torch.Tensor]:
    parts = torch.split(torch.from_numpy(rows), list(CHANNELS.values()), dim=1)
    return dict(zip(CHANNELS, parts, strict=True))


def first_detector(world: World, folder: Path) -> tuple[str, Detector]:
    """Save the detector that a stream begins with, with an anchor and probes beside it."""
    made = _FITTED.get(repr(world))
    if made is None or not made[0].exists():
        made = _FITTED[repr(world)] = _fit_first(world, folder)
    if made[0].parent != folder:
        shutil.copytree(made[0], folder / made[0].name)
    return made[0].name, made[1]


_FITTED: dict[str, tuple[Path, Detector]] = {}
"""By world: one fit serves all tests that begin with it."""


def _fit_first(world: World, folder: Path, n_runs: int = 60) -> tuple[Path, Detector]:
    rows, windows, segments = [], [], []
    for run in range(n_runs):
        for camera in range(world.cameras):
            rows.append(world.run(camera, 32))
            windows += [run * 8 + frame // 4 for frame in range(32)]
            segments += [(f"camera={camera}",)] * 32
    order = np.argsort(windows, kind="stable")
    taps = np.concatenate(rows)[order]
    own = [segments[row] for row in order]
    detector = fit_detector(
        as_taps(taps), window_ids=np.array(windows)[order], segments=own, preset=PRESET
    )
    plain = np.concatenate([world.run(row % world.cameras, 1) for row in range(96)])
    noisy = (plain + world.rng.normal(size=plain.shape) * 1.2).astype(np.float32)
    changes = {"fault": plain + 2 * PATTERN, "noise": noisy}
    probes = ProbeTaps(as_taps(plain), {kind: as_taps(rows) for kind, rows in changes.items()})
    chosen = np.arange(1500) * len(taps) // 1500
    anchor = Shard(
        channels=CHANNELS,
        taps=as_float16(taps[chosen]),
        p_values=np.ones(1500, np.float32),
        times=np.zeros(1500, np.int64),
        segments=[own[row] for row in chosen],
        places=np.zeros((1500, 3), np.int64),
    )
    beside = {ANCHOR: encode_shard(anchor), PROBES: encode_probes(probes, CHANNELS)}
    notes = {"normal_rates": normal_rates(learn_baselines(detector.reference), 0.01)}
    return folder / save_detector(detector, folder, IDENTITY, notes, beside), detector


@dataclass
class Station:
    """A stream with an active detector, whose agent keeps every run."""

    store: Store
    folder: Path
    world: World
    detector: Detector
    name: str
    offset: int = 0
    runs: int = 0

    @classmethod
    def begun(cls, store: Store, folder: Path, world: World) -> Station:
        name, detector = first_detector(world, folder / "detector")
        store.register_detector(
            detector_record(
                STREAM,
                name,
                folder / "detector" / name,
                learn_baselines(detector.reference),
                status="active",
            )
        )
        return cls(store, folder, world, detector, name)

    @property
    def kept(self) -> ShardFolder:
        return ShardFolder(str(self.folder / "kept"))

    def send(self, n_runs: int, change: Change = unchanged, *, cameras: Sequence[int] = ()) -> None:
        """Let so many runs pass; *change* alters the frames of *cameras*, else of all."""
        keeper = TapKeeper(
            KeepSettings(
                stream=STREAM, detector=self.name, origin=tap_origin(IDENTITY, CHANNELS),
                channels=CHANNELS, folder=self.kept, alpha=0.01,
                runs=RunSettings(
                    key="k", run_seconds=480, runs_per_day=1000, max_bytes_per_day=2**40
                ),
            )
        )  # fmt: skip
        for _ in range(n_runs):
            for camera in range(self.world.cameras):
                rows = self.world.run(camera, 32)
                if not cameras or camera in cameras:
                    rows = change(rows, self.runs * RUN)
                self._offer(keeper, camera, rows)
            self.runs += 1
        shards, runs = keeper.write()
        self.store.flush(
            flush(
                advance(self.offset - 32 * n_runs * self.world.cameras or None, self.offset),
                kept_shards=shards, kept_runs=runs,
            )
        )  # fmt: skip

    def _offer(self, keeper: TapKeeper, camera: int, rows: NDArray[np.float32]) -> None:
        start = START + self.runs * RUN
        events = [
            Event(
                "images", 0, self.offset + n, "e", start + n * timedelta(seconds=15),
                {"camera": str(camera)}, NO_IMAGE,
            )
            for n in range(len(rows))
        ]  # fmt: skip
        self.offset += len(rows)
        names = [["*", f"camera={camera}"]] * len(rows)
        scores = self.detector.score(as_taps(rows)).double().numpy()
        uniforms = self.world.rng.uniform(1e-9, 1, len(rows))
        statistic, p = self.detector.p_values(scores, uniforms)
        scored = Scored(np.column_stack([scores[:, :-1], statistic]), p, taps=as_float16(rows))
        keeper.offer(events, names, scored)

    def retraining(self, *, holder: str = "me", **more: object) -> Retraining:
        material = MaterialSettings(
            run=RUN, alpha=0.01, min_events=2000, min_new_events=1000, max_events=50_000
        )
        values: dict[str, object] = {
            "stream": STREAM,
            "folder": self.folder / "detector",
            "window_seconds": 60,
            "calibrate_by": "",
            "cool_down": timedelta(days=1),
            "shadow": timedelta(days=1),
            "material": material,
            "kept": KeepBounds(keep=timedelta(days=35), max_bytes=2**32),
            "bounds": GateBounds(),
            **more,
        }
        settings = RetrainingSettings(**values)  # type: ignore[arg-type] # built by name
        return Retraining(self.store, self.kept, settings, holder=holder)

    def activate(self, name: str) -> None:
        """Let the agent score with another detector from now on."""
        folder = self.folder / "detector" / name
        self.name, self.detector = name, load_detector(folder)
        self.store.register_detector(
            detector_record(
                STREAM, name, folder, learn_baselines(self.detector.reference), status="active"
            )
        )

    def hits(self, detector: Detector, n_runs: int) -> NDArray[np.bool_]:
        """Return which frames of fresh traffic, which nobody keeps, a detector finds unusual at 1 %."""
        rows = np.concatenate(
            [self.world.run(run % self.world.cameras, 32) for run in range(n_runs)]
        )
        scores = detector.score(as_taps(rows)).double().numpy()
        _, p = detector.p_values(scores, self.world.rng.uniform(1e-9, 1, len(rows)))
        unusual: NDArray[np.bool_] = p[:, -1] <= 0.01
        return unusual


@dataclass(frozen=True)
class Round:
    """One retraining on stationary traffic.

    Attributes:
        state: its gate's word.
        rate: of the active detector at 1 % afterwards, on fresh traffic that nobody keeps.
        low, high: the 99 % interval of such a rate: both it and the calibration are samples.
        anchor_rate: share of the first reference that is out of distribution to the candidate; it grows
            where the learnt reference becomes narrower.
    """

    state: str
    rate: float
    low: float
    high: float
    anchor_rate: float

    @property
    def holds(self) -> bool:
        return self.low <= self.rate <= self.high


def rounds(folder: Path, world: World, n_rounds: int, *, runs: int = 60) -> list[Round]:
    """Retrain round after round on stationary traffic, each candidate that passes promoted."""
    database, clock = upgraded(f"sqlite:///{folder}/driftgauge.db"), HandClock()
    store = Store(database, now=clock)
    store.ensure_stream(STREAM, "images", 60)
    station, told = Station.begun(store, folder, world), []
    for _ in range(n_rounds):
        station.send(runs)
        clock.advance(runs * RUN.total_seconds() + 1)
        retraining = station.retraining(cool_down=timedelta(0))
        record = retraining.run(trigger="person", by="ada")
        if record.state == "passed" and record.candidate:
            station.activate(record.candidate)
        anchor = [one.figure for one in retraining.checks(record) if one.name == "anchor"]
        told.append(_round(station, record.state, anchor[0] if anchor else None))
    database.close()
    return told


def _round(station: Station, state: str, anchor_rate: float | None, n_runs: int = 400) -> Round:
    hits = station.hits(station.detector, n_runs)
    found = measure_rate(hits, np.repeat(np.arange(n_runs), 32))
    n_reference = int(station.detector.reference["*"][:, -1].sum())
    low, high = rate_interval(
        0.01, n_reference / found.design_effect, found.effective, confidence=0.99
    )
    return Round(state, found.rate, low, high, float("nan") if anchor_rate is None else anchor_rate)
