"""A detector on two moments of each layer and on pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from driftgauge.detector import (
    METHOD_KINDS,
    PIXELS,
    STATISTICS,
    Detector,
    ModelIdentity,
    Preset,
    fit_detector,
    load_detector,
    save_detector,
    score_all,
)

from .models import QUICK, normal_taps, uniforms

LAYERS = (PIXELS, "early", "late")


def taps_of(n: int, seed: int, *, rough: float = 1.0, dark: float = 0.0) -> dict[str, Tensor]:
    """Return both moments of two layers; half of the channels are *rough* times as rough."""
    means = normal_taps(n, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    found = {PIXELS: torch.randn(n, len(STATISTICS), generator=generator) - dark}
    for layer, mean in means.items():
        usual = torch.linspace(1, 3, mean.shape[1])
        usual[::2] *= rough
        spread = usual + 0.3 * torch.rand(mean.shape, generator=generator)
        found |= {layer: mean, f"{layer}~roughness": spread * mean.abs().mean(1, keepdim=True)}
    return found


def fitted(method: str = "mahalanobis") -> Detector:
    return fit_detector(
        taps_of(600, seed=0),
        window_ids=np.arange(600) // 10,
        segments=[()] * 600,
        preset=Preset(method=method, width=32, n_blocks=1),
        training=QUICK,
    )


@pytest.mark.parametrize("method", METHOD_KINDS)
def test_a_layer_has_one_score_whatever_moments_are_tapped(method: str) -> None:
    detector = fitted(method)
    assert detector.layers == LAYERS
    assert detector.columns == (*LAYERS, "*")
    scores = detector.score(taps_of(20, seed=5))
    assert scores.shape == (20, 4)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(2))
    turned = detector.score({name: tap[order] for name, tap in taps_of(20, seed=5).items()})
    assert torch.allclose(scores[order], turned, rtol=1e-4)


def test_what_moves_one_moment_or_the_pixels_alone_is_seen_in_its_column() -> None:
    detector = fitted()
    normal, rough, dark = (
        score_all(detector, taps)
        for taps in (taps_of(200, 7), taps_of(200, 7, rough=1.6), taps_of(200, 7, dark=1.0))
    )
    for scores, moved, still in ((rough, 1, 0), (dark, 0, 1)):
        _, before = detector.p_values(normal, uniforms(200))
        _, after = detector.p_values(scores, uniforms(200))
        assert np.median(after[:, moved]) < 0.1
        assert np.median(after[:, -1]) < 0.1
        assert np.array_equal(after[:, still], before[:, still])


def test_save_then_load_keeps_moments_weights_and_bits(tmp_path: Path) -> None:
    detector, identity = fitted(), ModelIdentity("w", "p")
    loaded = load_detector(tmp_path / save_detector(detector, tmp_path, identity, {}), identity)
    assert loaded.taps == detector.taps
    assert loaded.calibration.weights.tolist() == detector.calibration.weights.tolist()
    scores = score_all(loaded, taps_of(50, seed=4))
    assert np.array_equal(scores, score_all(detector, taps_of(50, seed=4)))
    both = [one.p_values(scores, uniforms(50))[1] for one in (detector, loaded)]
    assert np.array_equal(both[0], both[1])
