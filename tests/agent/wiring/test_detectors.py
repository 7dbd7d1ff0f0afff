"""Versions loaded while the agent runs: a rollback gives the very bits, and what does not fit is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from driftgauge.agent.events.tap_vectors import TapOrigin, TapVectors
from driftgauge.agent.model.load import LoadedModel, load_model
from driftgauge.agent.model.reader import LayerReader
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.wiring.detectors import DetectorLoader
from driftgauge.detector import (
    PIXELS,
    ArtifactCorrupt,
    ArtifactMismatch,
    DetectorError,
    Training,
    fit_detector,
    save_detector,
)
from driftgauge.storage import DetectorRecord, Store

from ...stores import START, STREAM, TOPIC, upgraded

SETTINGS = f"""
[stream]
name = "{STREAM}"
topic = "{TOPIC}"
[model]
factory = "{__name__}:build_model"
[detector]
path = "detectors"
[keep]
taps = false
"""
N = 208


def build_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2), nn.ReLU()
    ).eval()


def pictures(n: int, seed: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(n)]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model(source=None, factory=f"{__name__}:build_model", device="cpu")


@pytest.fixture
def loader(tmp_path: Path, loaded: LoadedModel) -> Iterator[DetectorLoader]:
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    settings: Settings = load_settings(tmp_path / "driftgauge.toml")
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    yield DetectorLoader(settings, store, loaded)
    database.close()


def fitted(loader: DetectorLoader, folder: Path, *taps: str, seed: int = 0) -> DetectorRecord:
    """Return a version on these taps of the model; its training is short."""
    reader = LayerReader(loader.loaded, taps)
    read = [reader.read(pictures(8, seed + n)).taps for n in range(N // 8)]
    detector = fit_detector(
        {tap: torch.cat([part[tap] for part in read]) for tap in taps},
        window_ids=np.arange(N) // 8,
        segments=[()] * N,
        seed=seed,
        training=Training(n_epochs=1, min_steps=10),
    )
    name = save_detector(detector, folder, loader.loaded.identity, {})
    return DetectorRecord(name, STREAM, str(folder / name), START, "candidate", {})


def test_a_rollback_gives_the_very_bits_of_the_scores_before(
    loader: DetectorLoader, tmp_path: Path
) -> None:
    versions = [fitted(loader, tmp_path, "0", "2", seed=seed) for seed in (1, 50)]
    images, uniforms = pictures(16, 9), np.linspace(0.01, 0.99, 16)
    order = (versions[0], versions[1], versions[0])
    first, other, again = (
        loader.prepare(version).scorer.score(images, uniforms) for version in order
    )
    assert first.scores.tobytes() == again.scores.tobytes()
    assert first.p_values.tobytes() == again.p_values.tobytes()
    assert first.scores.tobytes() != other.scores.tobytes()


def test_pictures_prepared_for_the_one_before_are_scored_by_the_next(
    loader: DetectorLoader, tmp_path: Path
) -> None:
    first, second = fitted(loader, tmp_path, PIXELS, "0"), fitted(loader, tmp_path, "2")
    before = loader.prepare(first).scorer
    waiting = [before.prepare(image) for image in pictures(4, 3)]
    after = loader.prepare(second).scorer
    uniforms = np.full(4, 0.5)
    direct = after.score(pictures(4, 3), uniforms)
    assert after.score(waiting, uniforms).p_values.tobytes() == direct.p_values.tobytes()
    assert (after.detector, after.columns) == (second.detector, ("2", "*"))


def test_statistics_of_pixels_that_were_not_measured_need_a_restart(
    loader: DetectorLoader, tmp_path: Path
) -> None:
    loader.prepare(fitted(loader, tmp_path, "0"))
    with pytest.raises(ArtifactMismatch, match="statistics of pixels, which this agent has not"):
        loader.prepare(fitted(loader, tmp_path, PIXELS, "0"))
    assert loader.running is not None
    assert loader.running.taps == ("0",)


def test_where_a_serving_process_sends_taps_others_are_refused_with_their_names(
    loader: DetectorLoader, tmp_path: Path
) -> None:
    scorer = loader.prepare(fitted(loader, tmp_path, "0")).scorer
    identity = loader.loaded.identity
    origin = TapOrigin(identity.weights, identity.preprocessing, identity.precision)
    sent = TapVectors(origin, {"0": np.zeros(4, np.float16)})
    scorer.score([sent], np.array([0.5]))
    with pytest.raises(ArtifactMismatch, match=r"was not asked for: 2$"):
        loader.prepare(fitted(loader, tmp_path, "0", "2"))


def test_one_for_another_model_is_refused_with_what_differs(
    loader: DetectorLoader, tmp_path: Path
) -> None:
    record = fitted(loader, tmp_path, "0")
    identity = replace(loader.loaded.identity, weights="others")
    loader.loaded = replace(loader.loaded, identity=identity)
    with pytest.raises(ArtifactMismatch, match=r"weights: .* != others"):
        loader.prepare(record)


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_folder_that_is_not_whole_is_refused(
    loader: DetectorLoader, tmp_path: Path, damage: str
) -> None:
    record = fitted(loader, tmp_path, "0")
    if damage == "gone":
        shutil.rmtree(record.uri)
    else:
        tensors = Path(record.uri) / "detector.safetensors"
        tensors.write_bytes(tensors.read_bytes()[:-10])
    with pytest.raises(ArtifactCorrupt):
        loader.prepare(record)


def test_a_layer_that_the_model_lacks_is_refused(loader: DetectorLoader, tmp_path: Path) -> None:
    record = fitted(loader, tmp_path, "0", "2")
    loader.prepare(fitted(loader, tmp_path, "0"))
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    loader.loaded = replace(loader.loaded, model=model)
    with pytest.raises(DetectorError, match="'2' is not in"):
        loader.prepare(record)


def test_a_shadow_scores_the_same_pass_and_leaves_the_active_one_s_bits_alone(
    loader: DetectorLoader, tmp_path: Path
) -> None:
    active, other = fitted(loader, tmp_path, "0"), fitted(loader, tmp_path, "0", "2", seed=50)
    images, uniforms = pictures(16, 9), np.linspace(0.01, 0.99, 16)
    alone = loader.prepare(active).scorer.score(images, uniforms)
    following = loader.prepare(active, other)
    both = following.scorer.score(images, uniforms)
    assert (following.shadow, alone.shadow) == (other.detector, None)
    assert both.scores.tobytes() == alone.scores.tobytes()
    assert both.p_values.tobytes() == alone.p_values.tobytes()
    later = loader.prepare(other).scorer.score(images, uniforms)
    assert both.shadow is not None
    assert both.shadow.p_values.tobytes() == later.p_values.tobytes()
    assert (both.shadow.detector, both.shadow.columns) == (other.detector, ("0", "2", "*"))
