"""The promise of calibration on real photographs, a real model and its real weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from driftgauge.agent.demo.lite0 import FACTORY
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.scorer import LayerReader
from driftgauge.detector import (
    Calibration,
    Detector,
    Training,
    fit_detector,
    score_all,
    select_layers,
)
from driftgauge.detector.splitting import split_reference

from .false_alarm_law import allowed_counts
from .models import uniforms

SIDE = 64
N_CROPS = 1600
N_FITTED = 800
N_SPLITS = 120
N_CALIBRATION = 400
ALPHAS = (0.05, 0.01, 0.001)
LEVEL = 0.99999
"""Of one count; some 2,000 are looked at."""
SHORT = Training(min_steps=60, max_steps=60)


@dataclass(frozen=True)
class Fit:
    """A detector and the scores of every crop.

    Attributes:
        trained: rows that the networks were fitted on, among the first `N_FITTED`.
        n_reference: held-out rows that the detector's own p-values are ranked among, by column.
    """

    detector: Detector
    scores: NDArray[np.float64]
    trained: NDArray[np.int64]
    n_reference: list[int]


def crops() -> list[NDArray[np.uint8]]:
    """Return squares of any size from any place of the demonstration's photographs."""
    rng = np.random.default_rng(0)
    cameras = photograph_cameras()
    pictures = [camera.pictures[0] for camera in cameras] + [cameras[0].unseen]
    found = []
    for _ in range(N_CROPS):
        picture = pictures[rng.integers(len(pictures))]
        side = int(rng.integers(SIDE // 2, picture.width // 2))
        left, top = rng.integers(0, picture.width - side, size=2)
        part = picture.crop((left, top, left + side, top + side))
        found.append(np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR)))
    return found


@cache
def fit() -> Fit:
    loaded = load_model(source=None, factory=FACTORY, image_size=SIDE, device="cpu")
    reader = LayerReader(loaded, select_layers(loaded.model, torch.zeros(1, 3, SIDE, SIDE)))
    images = crops()
    read = [reader.read(images[i : i + 50]).taps for i in range(0, N_CROPS, 50)]
    taps = {layer: torch.cat([part[layer] for part in read]) for layer in read[0]}
    windows = np.arange(N_FITTED)
    detector = fit_detector(
        {layer: tap[:N_FITTED] for layer, tap in taps.items()},
        window_ids=windows,
        segments=[()] * N_FITTED,
        training=SHORT,
    )
    parts = split_reference(windows)
    n_reference = [len(parts.cal_a)] * len(detector.layers) + [len(parts.cal_b)]
    return Fit(detector, score_all(detector, taps), parts.train, n_reference)


def deals() -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield cal-A, cal-B and fresh rows, dealt anew out of all that was not trained on."""
    untouched = np.setdiff1d(np.arange(N_CROPS), fit().trained)
    for seed in range(N_SPLITS):
        dealt = np.random.default_rng(seed).permutation(untouched)
        cal_a, cal_b, fresh = np.split(dealt, [N_CALIBRATION, 2 * N_CALIBRATION])
        yield cal_a, cal_b, fresh


def assert_kept(p_values: NDArray[np.float64], alpha: float, n_reference: int) -> None:
    n = len(p_values)
    low, high = allowed_counts(alpha, n_reference=n_reference, n_fresh=n, level=LEVEL)
    count = int((p_values <= alpha).sum())
    assert low <= count <= high, f"{count} of {n} at {alpha}, wanted {low} to {high}"


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_fits_own_false_alarms_on_fresh_photographs_are_within_chance(alpha: float) -> None:
    fresh = fit().scores[N_FITTED:]
    _, p_values = fit().detector.p_values(fresh, uniforms(len(fresh)))
    for column, n_reference in zip(p_values.T, fit().n_reference, strict=True):
        assert_kept(column, alpha, n_reference)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_false_alarms_are_within_chance_however_the_reference_is_dealt(alpha: float) -> None:
    scores = fit().scores
    rates = []
    for seed, (cal_a, cal_b, fresh) in enumerate(deals()):
        calibration = Calibration.fit(scores[cal_a], scores[cal_b])
        _, p_values = calibration.p_values(scores[fresh], uniforms(len(fresh), seed))
        for column in p_values.T:
            assert_kept(column, alpha, N_CALIBRATION)
        rates.append((p_values <= alpha).mean(axis=0))
    deviation = np.sqrt(2 * alpha * (1 - alpha) / N_CALIBRATION / N_SPLITS)
    assert np.mean(rates, axis=0) == pytest.approx(alpha, abs=4 * deviation)


def test_calibrating_on_what_was_trained_on_is_outside_of_chance() -> None:
    scores, trained = fit().scores, fit().trained
    half = len(trained) // 2
    calibration = Calibration.fit(scores[trained[:half]], scores[trained[half:]])
    fresh = scores[N_FITTED:]
    _, p_values = calibration.p_values(fresh, uniforms(len(fresh)))
    with pytest.raises(AssertionError, match=r"of 800 at 0\.01, wanted"):
        assert_kept(p_values[:, -1], 0.01, half)


@pytest.mark.parametrize(("alpha", "k"), [(0.05, 20), (0.01, 4)])
def test_the_law_of_false_alarms_is_beta_binomial(alpha: float, k: int) -> None:
    allowed = allowed_counts(alpha, n_reference=399, n_fresh=500, level=0.95)
    exact = stats.betabinom(500, k, 400 - k).interval(0.95)
    assert allowed == pytest.approx(exact, abs=1)
