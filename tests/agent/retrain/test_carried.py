"""A candidate keeps what the active detector could tell besides scores: classes, and faults by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.fit.companions import FAULTS, decode_probes, encode_probes
from driftgauge.agent.fit.fault_probes import with_faults
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.fit.registration import normal_rates
from driftgauge.agent.retrain.basis import Basis
from driftgauge.agent.retrain.carried import with_carried_faults
from driftgauge.detector import (
    CELLS,
    PIXELS,
    Detector,
    Traits,
    fit_detector,
    load_detector,
    read_manifest,
    save_detector,
)
from driftgauge.storage import CLASSES, CONFIDENCE, N_BINS, Store, WindowRecord

from ...stores import START, STREAM, HandClock, advance, flush, upgraded
from .traffic import IDENTITY, PRESET, RUN, Station, World

KINDS = ("blurred", "darkened", "frozen lines")
WIDTHS = {PIXELS: 12, "late": 6}
MINUTE = timedelta(minutes=1)


def taps(
    rng: np.random.Generator, n: int, shift: np.ndarray | float = 0.0
) -> dict[str, torch.Tensor]:
    rows = torch.from_numpy((rng.normal(size=(n, 18)) + shift).astype(np.float32))
    return dict(zip(WIDTHS, torch.split(rows, list(WIDTHS.values()), dim=1), strict=True))


def fitted(seed: int) -> Detector:
    rng = np.random.default_rng(seed)
    return fit_detector(
        taps(rng, 1200), window_ids=np.arange(1200) // 8, segments=[("camera=1",)] * 1200,
        preset=PRESET,
    )  # fmt: skip


def damage(kind: int) -> np.ndarray:
    shift = np.zeros(18)
    shift[4 * kind : 4 * kind + 4] = 4.0
    return shift


@pytest.fixture(scope="module")
def faults() -> ProbeTaps:
    rng = np.random.default_rng(5)
    changed = {kind: taps(rng, 64, damage(n)) for n, kind in enumerate(KINDS)}
    return ProbeTaps(taps(rng, 64), changed, [("camera=1", "line=2")] * 64)


def test_pictures_with_faults_are_stored_with_their_segments(faults: ProbeTaps) -> None:
    again = decode_probes(encode_probes(faults, WIDTHS))
    assert list(again.probed) == list(KINDS)
    assert list(again.segments) == list(faults.segments)
    for name in WIDTHS:
        assert torch.allclose(
            again.probed["darkened"][name], faults.probed["darkened"][name], atol=0.01
        )


def test_light_of_cells_is_stored_with_the_pictures_where_it_is_known(faults: ProbeTaps) -> None:
    cells = torch.arange(64.0)[:, None] / 8
    known = ProbeTaps(
        {**faults.plain, CELLS: cells},
        {kind: {**taps, CELLS: cells + 1} for kind, taps in faults.probed.items()},
        faults.segments,
    )
    again = decode_probes(encode_probes(known, WIDTHS))
    assert torch.equal(again.plain[CELLS], cells)
    assert torch.equal(again.probed["darkened"][CELLS], cells + 1)
    assert CELLS not in decode_probes(encode_probes(faults, WIDTHS)).plain


def test_a_candidate_learns_the_faults_anew_on_the_same_pictures(
    faults: ProbeTaps, tmp_path: Path
) -> None:
    first = with_faults(fitted(1), faults, alike=0.02, seed=0)
    name = save_detector(
        first, tmp_path, IDENTITY, {"normal_rates": {}}, {FAULTS: encode_probes(faults, WIDTHS)}
    )
    basis = Basis(name, tmp_path / name, load_detector(tmp_path / name), IDENTITY, None)
    candidate = fitted(2)
    named = with_carried_faults(candidate, basis, seed=0)
    assert named.faults is not None
    assert named.faults.alike == 0.02
    seen = taps(np.random.default_rng(9), 8, damage(1))
    _, p_values = candidate.p_values(candidate.score(seen).double().numpy(), np.full(8, 0.5))
    told = named.faults.names(Traits(seen[PIXELS].double().numpy(), p_values[:, :-1]))
    assert told.shares[0][0] == "darkened"
    assert FAULTS in basis.companions()  # and so does the one after it


def test_without_the_pictures_it_names_none(tmp_path: Path, faults: ProbeTaps) -> None:
    """Names on another detector's p-values are not taken as they are."""
    first = with_faults(fitted(1), faults, alike=0.0, seed=0)
    name = save_detector(first, tmp_path, IDENTITY, {"normal_rates": {}}, {})
    basis = Basis(name, tmp_path / name, load_detector(tmp_path / name), IDENTITY, None)
    assert with_carried_faults(fitted(2), basis, seed=0).faults is None


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Give a stream whose detector counts two classes."""
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database, now=HandClock())
    store.ensure_stream(STREAM, "images", 60)
    station = Station.begun(store, tmp_path, World(resemblance=0.2))
    counted = replace(
        station.detector,
        classes=("cat", "dog"),
        labels={
            name: np.ones((len(windows), 2, N_BINS), np.int64)
            for name, windows in station.detector.reference.items()
        },
    )
    notes = {
        "normal_rates": normal_rates(learn_baselines(counted.reference), 0.01),
        "class_names": {"cat": "house cat"},
    }
    name = save_detector(counted, tmp_path / "detector", IDENTITY, notes, {})
    station.activate(name)
    return station


def predictions(n_runs: int) -> list[WindowRecord]:
    """Return three cats and a dog in every minute of every camera."""
    counts = [3, 1] + [0] * (N_BINS - 2)
    return [
        WindowRecord(
            segment, layer, START + minute * MINUTE, tuple(n * many for n in counts), 0.0, 0.0
        )
        for minute in range(n_runs * 8)
        for segment, many in (("*", 2), ("camera=0", 1), ("camera=1", 1))
        for layer in (CLASSES, CONFIDENCE)
    ]


def test_a_candidate_knows_how_often_each_class_is_predicted(station: Station) -> None:
    station.send(60)
    own = advance(station.offset, station.offset + 1)
    station.store.flush(replace(flush(own, windows=predictions(60)), detector=station.name))
    clock = station.store._clock
    assert isinstance(clock, HandClock)
    clock.advance(60 * RUN.total_seconds() + 1)
    record = station.retraining().run(trigger="person", by="ada")
    folder = station.folder / "detector" / (record.candidate or "")
    candidate = load_detector(folder)
    assert candidate.classes == ("cat", "dog")
    for name, windows in candidate.reference.items():
        assert candidate.labels[name].shape == (len(windows), 2, N_BINS)
        assert (candidate.labels[name][:, :, 0] == 3 * candidate.labels[name][:, :, 1]).all()
    notes = read_manifest(folder)["notes"]
    assert notes["class_names"] == {"cat": "house cat"}
    assert notes["class_shares"]["camera=0"] == {"cat": 0.75, "dog": 0.25}


def test_without_counted_predictions_it_knows_no_classes(station: Station) -> None:
    station.send(60)
    clock = station.store._clock
    assert isinstance(clock, HandClock)
    clock.advance(60 * RUN.total_seconds() + 1)
    record = station.retraining().run(trigger="person", by="ada")
    assert load_detector(station.folder / "detector" / (record.candidate or "")).classes == ()
