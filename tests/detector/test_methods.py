from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from driftgauge.detector import (
    METHOD_KINDS,
    NORMALISER_KINDS,
    Detector,
    ModelIdentity,
    NonFiniteScore,
    NormaliserKind,
    Preset,
    fit_detector,
    load_detector,
    save_detector,
    score_all,
)
from driftgauge.detector.denoiser import Denoiser
from driftgauge.detector.methods import linear
from driftgauge.detector.methods.diffusion import Diffusion, restore, restore_by_ddim
from driftgauge.detector.methods.mahalanobis import shrunk_covariance
from driftgauge.detector.noise import signal_shares
from driftgauge.detector.normaliser import Normaliser

from .models import N_REFERENCE, QUICK, TINY, normal_taps, uniforms

PAPER_LIKE = replace(TINY, method="diffusion", normaliser="sample", width=0, step=10, mode="paper")
PRESETS = [
    *(replace(TINY, method=method) for method in METHOD_KINDS),
    *(replace(TINY, normaliser=kind) for kind in NORMALISER_KINDS if kind != TINY.normaliser),
    PAPER_LIKE,
]


def fit(preset: Preset, n: int = N_REFERENCE) -> Detector:
    return fit_detector(
        normal_taps(n, 0),
        window_ids=np.arange(n) // 10,
        segments=[()] * n,
        preset=preset,
        training=QUICK,
    )


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: f"{p.method}-{p.normaliser}-{p.mode}")
def test_every_method_sees_a_shift_and_survives_saving(preset: Preset, tmp_path: Path) -> None:
    detector = fit(preset)
    pattern = torch.Generator().manual_seed(1)
    changed = {
        layer: tap + 4 * torch.randn(tap.shape[1], generator=pattern)
        for layer, tap in normal_taps(100, 12).items()
    }
    fresh, unusual = score_all(detector, normal_taps(400, 11)), score_all(detector, changed)
    assert fresh.shape == (400, 3)
    _, p_fresh = detector.p_values(fresh, uniforms(400))
    _, p_unusual = detector.p_values(unusual, uniforms(100))
    assert 0.3 < np.median(p_fresh[:, -1]) < 0.7
    assert np.median(p_unusual[:, -1]) < 0.02

    identity = ModelIdentity(weights="w", preprocessing="p")
    again = load_detector(tmp_path / save_detector(detector, tmp_path, identity, {}), identity)
    assert again.preset == preset
    assert torch.equal(again.score(changed), detector.score(changed))


@pytest.mark.parametrize("chunk", [7, 1000])
def test_the_shrunk_covariance_is_ledoit_and_wolfs(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "CHUNK", chunk)
    samples = normal_taps(80, 3)["late"]
    mean = samples.mean(dim=0, dtype=torch.float64)
    centred = samples.double() - mean
    wanted = LedoitWolf(assume_centered=True).fit(centred.numpy()).covariance_
    assert np.allclose(shrunk_covariance(samples, mean).numpy(), wanted, rtol=1e-6, atol=1e-7)


def test_ddim_with_a_perfect_denoiser_gives_the_clean_features_back() -> None:
    clean, noise = torch.randn(4, 6), torch.randn(6)

    class Perfect(Denoiser):
        def forward(self, noised: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
            share = signal_shares()[steps].float()
            expected = share.sqrt() * clean + (1 - share).sqrt() * noise
            assert torch.allclose(noised, expected, atol=1e-4), "the chain left the path of z_t"
            return clean

    restored = restore_by_ddim(Perfect(6, width=8, n_blocks=1), clean, step=30, noise=noise)
    assert torch.equal(restored, clean)


def test_the_paper_mode_is_deterministic_and_knows_no_neighbours() -> None:
    detector = fit(PAPER_LIKE)
    taps = normal_taps(30, 5)
    alone = torch.cat(
        [detector.score({k: v[row : row + 1] for k, v in taps.items()}) for row in range(30)]
    )
    assert torch.allclose(detector.score(taps), alone, atol=1e-5)


def test_an_untrained_denoiser_scores_by_the_size_of_the_features() -> None:
    clean = torch.randn(5, 6)
    scores = Diffusion(Denoiser(6, width=8, n_blocks=1), [2, 4], step=75)(clean)
    assert torch.allclose(scores[:, -1], clean.square().mean(dim=1))
    assert bool((restore(Denoiser(6, width=8, n_blocks=1), clean, step=3) == 0).all())


@pytest.mark.parametrize("kind", NORMALISER_KINDS)
def test_dead_and_constant_channels_and_twins_give_finite_scores(kind: NormaliserKind) -> None:
    taps = normal_taps(N_REFERENCE, 0)
    taps["early"][:, 0] = 7.0
    taps["dead"] = torch.zeros(N_REFERENCE, 4)
    taps = {layer: tap[torch.arange(N_REFERENCE) // 2] for layer, tap in taps.items()}
    detector = fit_detector(
        taps,
        window_ids=np.arange(N_REFERENCE) // 10,
        segments=[()] * N_REFERENCE,
        preset=replace(TINY, normaliser=kind),
        training=QUICK,
    )
    alive = {layer: tap[:50] + 1.0 for layer, tap in taps.items()}
    assert np.isfinite(score_all(detector, taps)).all()
    assert np.isfinite(score_all(detector, alive)).all()


@pytest.mark.parametrize("method", METHOD_KINDS)
def test_a_row_that_is_not_finite_is_named(method: str) -> None:
    detector = fit(replace(TINY, method=method))
    taps = normal_taps(10, 4)
    taps["late"][7, 3] = float("nan")
    with pytest.raises(NonFiniteScore, match="1 of 10 images") as caught:
        detector.score(taps)
    assert caught.value.rows == (7,)


def test_only_the_level_is_lost_by_the_sample_normaliser() -> None:
    taps = normal_taps(400, 2)
    louder = {layer: 3 * tap + 1 for layer, tap in taps.items()}
    channels = {layer: tap.shape[1] for layer, tap in taps.items()}
    by_sample = Normaliser(channels, "sample").fit(taps)
    by_both = Normaliser(channels, "both").fit(taps)
    assert torch.allclose(by_sample(taps), by_sample(louder), atol=1e-4)
    assert not torch.allclose(by_both(taps), by_both(louder), atol=0.5)


@pytest.mark.parametrize("kind", NORMALISER_KINDS)
def test_normalising_leaves_the_taps_alone_and_takes_the_largest_floats(
    kind: NormaliserKind,
) -> None:
    taps = {"only": normal_taps(50, 2)["early"]}
    normaliser = Normaliser({"only": taps["only"].shape[1]}, kind).fit(taps)
    before = taps["only"].clone()
    normaliser(taps)
    assert torch.equal(taps["only"], before)
    huge = {"only": torch.full_like(before, 3e38)}  # their sum is infinite, they are not
    if kind == "dataset":
        assert bool(torch.isfinite(normaliser(huge)).all())
