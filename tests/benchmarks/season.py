"""A season of one real camera: rates and faults without retraining and with it, and what the gate says.

The camera is read once, into build/season; then the month passes in memory, with the product's own keeping,
retraining, gate and promotion on an SQLite database. A week of it is fitted on. Faults that the data set lists
are alerts that a person found to be real, so that they are not learnt; a last candidate learns them on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import betabinom

from driftgauge.agent.counting.tap_keeper import KeepSettings, TapKeeper
from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS
from driftgauge.agent.events.event import NO_IMAGE, Event
from driftgauge.agent.fit.companions import ANCHOR, FAULTS, PROBES, encode_probes
from driftgauge.agent.fit.fault_probes import with_faults
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.fit.registration import detector_record, normal_rates
from driftgauge.agent.keep.origin import tap_origin
from driftgauge.agent.keep.run_choice import RunSettings
from driftgauge.agent.keep.shard import Shard, encode_shard
from driftgauge.agent.keep.shard_folder import ShardFolder
from driftgauge.agent.ports import Scored
from driftgauge.agent.retrain.candidate import reference_hits
from driftgauge.agent.retrain.clustered_rate import (
    ClusteredRate,
    RateBounds,
    measure_rate,
    rate_bounds,
)
from driftgauge.agent.retrain.gate import CONFIDENCE, GateBounds
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
    split_reference,
)
from driftgauge.storage import (
    AlertRecord,
    Database,
    FlushRecord,
    OffsetAdvance,
    RetrainingRecord,
    Store,
)

from ..stores import HandClock
from .season_taps import frame_times, read_fault_taps, read_probe_taps, read_season

CACHE = Path("build/season")
TESTS = DEFAULT_TESTS
STREAM, CAMERA, TOPIC = "river", "camera=keio", "images"
WINDOW_SECONDS, WINDOWS_PER_RUN = 16 * 600, 2
"""16 frames, as in `streams`; five hours and a third a run."""

RUN = timedelta(seconds=WINDOW_SECONDS * WINDOWS_PER_RUN)
IDENTITY = ModelIdentity("lite0", "160 px", "float32")
ALPHA = 0.01
FITS = [*range(169, 455), *range(499, 1000)]
"""The first quiet week."""
BEGINS = 1000
LISTED = (
    range(1000, 1051), range(1055, 1086), range(1172, 1220), range(3329, 3386), range(3743, 3816),
)  # fmt: skip
OTHERS = (range(2308, 2310), range(2825, 2840), range(3130, 3330))
"""Neither quiet nor a fault that is to be found: headlights, another aim and people, a black picture."""
BATCH = 144


@dataclass
class Season:
    """The month, as an agent lives through it."""

    folder: Path
    channels: dict[str, int]
    taps: NDArray[np.float16]
    times: list[datetime]
    store: Store
    clock: HandClock
    detector: Detector
    name: str
    faults: ProbeTaps
    next_row: int = BEGINS
    live: NDArray[np.float64] = field(default_factory=lambda: np.ones((0, 0)))
    scored_by: dict[int, str] = field(default_factory=dict)

    def parts(self, rows: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        return _split(self.taps[rows], self.channels)

    def p_values(self, detector: Detector, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        scores = detector.score(self.parts(rows)).double().numpy()
        uniforms = np.random.default_rng(int(rows[0])).uniform(1e-9, 1, len(rows))
        return detector.p_values(scores, uniforms)[1]

    def pass_days(self, n_days: float) -> NDArray[np.int64]:
        """Let the active detector score the next days, keep their taps, and return their rows."""
        until = self.times[self.next_row] + timedelta(days=n_days)
        rows = np.array([
            row for row in range(self.next_row, len(self.times)) if self.times[row] < until
        ])  # fmt: skip
        keeper = TapKeeper(self._keep_settings())
        for first in range(0, len(rows), BATCH):
            self._keep(keeper, rows[first : first + BATCH])
        shards, runs = keeper.write()
        self.store.flush(
            FlushRecord(
                STREAM, self.name,
                [OffsetAdvance(TOPIC, 0, _before(self.next_row), int(rows[-1]) + 1, None)],
                kept_shards=shards, kept_runs=runs,
            )
        )  # fmt: skip
        self.next_row = int(rows[-1]) + 1
        self.clock.at = self.times[self.next_row - 1] + RUN
        return rows

    def _keep(self, keeper: TapKeeper, rows: NDArray[np.int64]) -> None:
        events = [
            Event(TOPIC, 0, int(row), "e", self.times[row], {"camera": "keio"}, NO_IMAGE)
            for row in rows
        ]
        p = self.p_values(self.detector, rows)
        if not len(self.live):
            self.live = np.ones((len(self.times), p.shape[1]))
        self.live[rows] = p
        self.scored_by |= dict.fromkeys(rows.tolist(), self.name)
        keeper.offer(events, [["*", CAMERA]] * len(rows), Scored(p, p, taps=self.taps[rows]))

    def _keep_settings(self) -> KeepSettings:
        runs = RunSettings(
            key="season", run_seconds=WINDOW_SECONDS * WINDOWS_PER_RUN, runs_per_day=100,
            max_bytes_per_day=2**40,
        )  # fmt: skip
        return KeepSettings(
            stream=STREAM, detector=self.name, origin=tap_origin(IDENTITY, self.channels),
            channels=self.channels, runs=runs, folder=self.kept, alpha=ALPHA,
        )  # fmt: skip

    @property
    def kept(self) -> ShardFolder:
        return ShardFolder(str(self.folder / "kept"))

    def alert(self, fault: range, number: int, verdict: str | None = "real") -> None:
        """Let there have been an alert on *fault*, and a person have said what it was."""
        since, until = self.times[fault.start], self.times[fault.stop - 1]
        raised = AlertRecord(
            None, STREAM, CAMERA, f"bench-{number}", self.name, "resolved", "warning", since, since,
            since, until, until, 0.5, 0.01, len(fault), [], "a listed fault",
        )  # fmt: skip
        (stored,) = self.store.write_alerts([raised])
        if verdict:
            self.store.give_verdict(stored.id or 0, verdict, at=until, by="bench")

    def retrain(self, **more: int) -> RetrainingRecord:
        return self.retraining(**more).run(trigger="schedule", by="schedule")

    def retraining(self, *, min_new_events: int = 50) -> Retraining:
        settings = RetrainingSettings(
            stream=STREAM, folder=self.folder / "detector", window_seconds=WINDOW_SECONDS,
            calibrate_by="", cool_down=timedelta(0), shadow=timedelta(0), bounds=GateBounds(),
            kept=KeepBounds(keep=timedelta(days=3650), max_bytes=2**40),
            material=MaterialSettings(
                run=RUN, alpha=ALPHA, min_events=400, min_new_events=min_new_events, max_events=50_000
            ),
        )  # fmt: skip
        return Retraining(self.store, self.kept, settings, holder="bench")

    def promote(self, name: str) -> None:
        self.store.versions.promote(STREAM, name, by="bench")
        self.name, self.detector = name, load_detector(self.folder / "detector" / name)


def _split(rows: NDArray[np.float16], channels: Mapping[str, int]) -> dict[str, torch.Tensor]:
    joined = torch.from_numpy(rows).float()
    return dict(zip(channels, torch.split(joined, list(channels.values()), dim=1), strict=True))


def _before(row: int) -> int | None:
    return None if row == BEGINS else row


def begun(data: Path, folder: Path, method: str) -> Season:
    """Fit the first detector on the first quiet week, and register it."""
    channels, taps = read_season(data, CACHE / "keio_river.npz")
    times = [moment.replace(tzinfo=UTC) for moment in frame_times(data)]
    database = Database(f"sqlite:///{folder}/driftgauge.db")
    database.upgrade()
    rows = np.array(FITS)
    windows = np.array([int(times[row].timestamp()) // WINDOW_SECONDS for row in rows])
    detector = fit_detector(
        _split(taps[rows], channels), window_ids=windows, segments=[(CAMERA,)] * len(rows),
        preset=replace(LEAN, method=method),
    )  # fmt: skip
    parts = split_reference(windows)
    held = rows[np.sort(np.concatenate([parts.cal_a, parts.cal_b]))]
    probed = held[:: len(held) // 48][:48]
    probes = read_probe_taps(data, CACHE / "keio_probes.npz", probed)
    anchor = Shard(
        channels=channels, taps=taps[held], p_values=np.ones(len(held), np.float32),
        times=np.zeros(len(held), np.int64), segments=[(CAMERA,)] * len(held),
        places=np.zeros((len(held), 3), np.int64),
    )  # fmt: skip
    faults = read_fault_taps(data, CACHE / "keio_faults.npz", probed, CAMERA)
    detector = with_faults(detector, faults, alike=0.0, seed=0)
    beside = {
        ANCHOR: encode_shard(anchor),
        PROBES: encode_probes(probes, channels),
        FAULTS: encode_probes(faults, channels),
    }
    notes = {"normal_rates": normal_rates(learn_baselines(detector.reference), ALPHA)}
    name = save_detector(detector, folder / "detector", IDENTITY, notes, beside)
    clock = HandClock(times[BEGINS])
    store = Store(database, now=clock)
    store.ensure_stream(STREAM, TOPIC, WINDOW_SECONDS)
    store.register_detector(
        detector_record(
            STREAM, name, folder / "detector" / name, learn_baselines(detector.reference),
            status="active",
        )
    )  # fmt: skip
    return Season(folder, channels, taps, times, store, clock, detector, name, faults)


def quiet(rows: Iterable[int]) -> NDArray[np.int64]:
    """Return the rows without anything that the data set lists."""
    listed = {row for span in (*LISTED, *OTHERS) for row in span}
    return np.array([row for row in rows if row not in listed], np.int64)


def through(season: Season, days: float, first: Detector) -> list[dict[str, object]]:
    """Live through the month; return a row a retraining."""
    table: list[dict[str, object]] = []
    told = 0
    while season.next_row < len(season.times) - 10:
        begins, watching = season.times[season.next_row], season.detector
        rows = season.pass_days(days)
        calm = quiet(rows)
        for number, fault in enumerate(LISTED):
            if number >= told and fault.stop <= season.next_row:
                season.alert(fault, number)
                told += 1
        record = season.retrain()
        table.append({
            "from": f"{begins:%m-%d}", "quiet frames": len(calm),
            "rate, first": _rate(season.p_values(first, calm)),
            "rate, retrained": _rate(season.live[calm]), **_allowed(season, watching, calm),
            "learnt": record.figures.get("learnt_events", 0),
            "aside": record.figures.get("events_aside", 0), "gate": record.state,
            "why": record.reason[:150],
        })  # fmt: skip
        print(table[-1], flush=True)
        if record.state == "passed" and record.candidate:
            season.promote(record.candidate)
    return table


def _allowed(season: Season, detector: Detector, rows: NDArray[np.int64]) -> dict[str, object]:
    """Return where the rate of quiet frames may lie by chance, and as how many they count."""
    seconds = np.array([int(season.times[row].timestamp()) for row in rows])
    runs = seconds // int(RUN.total_seconds())
    found = measure_rate(season.live[rows, -1] <= ALPHA, runs)
    reference = reference_hits(detector, CAMERA, ALPHA)
    if reference is None:
        return {}
    known = reference.by_runs_like(found)
    allowed = rate_bounds(found, known, expected=ALPHA, confidence=CONFIDENCE)
    return {
        "allowed": f"{allowed.low:.1%} to {allowed.high:.1%}", "worth": round(allowed.effective),
        "worth, reference": round(known.effective), "chance of none": f"{_chance_of_none(allowed, known):.0%}",
    }  # fmt: skip


def _chance_of_none(allowed: RateBounds, known: ClusteredRate) -> float:
    """Return how often none of so many independent frames is unusual at alpha, calibrated as it was."""
    a, b = (share * known.effective + 0.5 for share in (ALPHA, 1 - ALPHA))
    return float(betabinom.pmf(0, max(round(allowed.effective), 1), a, b))


def _rate(p_values: NDArray[np.float64]) -> str:
    return f"{(p_values[:, -1] <= ALPHA).mean():.1%}" if len(p_values) else "-"
