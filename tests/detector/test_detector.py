from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from driftgauge.detector import (
    METHOD_KINDS,
    MIN_EVENTS,
    NonFiniteScore,
    ReferenceTooSmall,
    ShapeMismatch,
    fit_detector,
    score_all,
)
from driftgauge.detector.denoiser import Denoiser
from driftgauge.detector.methods.combined import Combined
from driftgauge.detector.methods.diffusion import layer_errors, restore
from driftgauge.detector.noise import signal_shares
from driftgauge.detector.splitting import split_reference

from .models import N_REFERENCE, QUICK, TINY, fit_quickly, normal_taps, uniforms


def test_the_schedule_has_the_papers_values() -> None:
    shares = signal_shares()
    wanted = {0: 0.9985, 3: 0.9935, 10: 0.9790, 50: 0.8006, 99: 0.4118}
    for step, share in wanted.items():
        assert float(shares[step]) == pytest.approx(share, abs=1e-4)


def test_an_untrained_denoiser_restores_zero() -> None:
    denoiser = Denoiser(12, width=16, n_blocks=2)
    assert bool((restore(denoiser, torch.randn(3, 12), step=10) == 0).all())


def test_permuting_the_batch_permutes_the_scores() -> None:
    detector = fit_quickly()
    taps = normal_taps(50, seed=5)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(2))
    permuted = detector.score({layer: tap[order] for layer, tap in taps.items()})
    assert torch.allclose(detector.score(taps)[order], permuted, atol=1e-5)


def test_a_wider_shift_never_lowers_the_mean_score() -> None:
    detector = fit_quickly()
    means = [float(detector.score(normal_taps(200, 7, shift=s)).mean()) for s in (0.0, 1.0, 3.0)]
    assert means == sorted(means)
    assert means[2] > 2 * means[0]


def test_training_restores_better_than_answering_zero() -> None:
    detector = fit_quickly()
    clean = detector.normaliser(normal_taps(200, 8))
    assert isinstance(detector.method, Combined)
    diffusion = detector.method.diffusion
    restored = layer_errors(clean, restore(diffusion.denoiser, clean, step=20), diffusion.widths)
    assert float(restored.mean()) < 0.7 * float(clean.square().mean())


def test_a_fit_is_repeatable_on_a_seed() -> None:
    first, second = fit_quickly(seed=3), fit_quickly(seed=3)
    taps = normal_taps(20, seed=4)
    assert torch.equal(first.score(taps), second.score(taps))


def test_fresh_reference_is_called_unusual_as_often_as_promised() -> None:
    detector = fit_quickly(n=1500)
    scores = score_all(detector, normal_taps(4000, seed=11))
    _, p_values = detector.p_values(scores, uniforms(4000))
    for column in p_values.T:
        for alpha in (0.05, 0.2):
            calibration_noise = np.sqrt(alpha * (1 - alpha) / 500)
            assert abs(float((column <= alpha).mean()) - alpha) < 3.5 * calibration_noise


def test_unusual_events_get_small_p_values() -> None:
    detector = fit_quickly()
    scores = score_all(detector, normal_taps(100, seed=12, shift=4.0))
    _, p_values = detector.p_values(scores, uniforms(100))
    assert float(np.median(p_values[:, -1])) < 0.02


def test_the_reference_is_kept_segment_by_segment() -> None:
    detector = fit_quickly()
    assert set(detector.reference) == {"*", "camera=0", "camera=1"}
    pooled, cameras = detector.reference["*"], [detector.reference[f"camera={k}"] for k in (0, 1)]
    assert pooled.sum() == sum(counts.sum() for counts in cameras)
    assert pooled.shape[1:] == (len(detector.columns), 18)


def test_calibration_events_are_never_trained_on_and_none_is_lost() -> None:
    parts = split_reference(np.arange(N_REFERENCE) // 16)
    rows = np.concatenate([parts.train, parts.cal_a, parts.cal_b])
    assert sorted(rows.tolist()) == list(range(N_REFERENCE))
    assert min(len(parts.train), len(parts.cal_a), len(parts.cal_b)) > N_REFERENCE // 5


def test_constant_channels_and_duplicated_images_give_finite_scores() -> None:
    taps = normal_taps(300, seed=1)
    taps["early"][:, 0] = 7.0
    taps = {layer: tap[torch.arange(300) // 4] for layer, tap in taps.items()}
    detector = fit_detector(
        taps, window_ids=np.arange(300) // 10, segments=[()] * 300, preset=TINY, training=QUICK
    )
    taps["early"][0, 0] = 8.0
    assert bool(torch.isfinite(detector.score(taps)).all())


def test_too_small_a_reference_is_refused_with_the_number_it_needs() -> None:
    with pytest.raises(ReferenceTooSmall, match=f"got 20 .* wanted at least {MIN_EVENTS}"):
        fit_detector(normal_taps(20, 0), window_ids=np.arange(20), segments=[()] * 20)


def test_wrong_shapes_and_non_finite_taps_are_errors() -> None:
    detector = fit_quickly()
    taps = normal_taps(4, seed=1)
    with pytest.raises(ShapeMismatch, match=r"taps lack \['late'\]"):
        detector.score({"early": taps["early"]})
    with pytest.raises(ShapeMismatch, match=r"wanted \(n, 24\)"):
        detector.score({"early": taps["early"], "late": taps["late"][:, :3]})
    taps["early"][0, 0] = float("nan")
    with pytest.raises(NonFiniteScore):
        detector.score(taps)


def test_an_empty_batch_has_no_scores() -> None:
    detector = fit_quickly()
    assert detector.score(normal_taps(0, 0)).shape == (0, 3)


def scored_by_every_method(device: str, kind: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return each method's scores of the same taps, fitted on the CPU, scored on *device*."""
    found = {}
    for method in METHOD_KINDS:
        detector = fit_detector(
            normal_taps(400, 0),
            window_ids=np.arange(400) // 10,
            segments=[()] * 400,
            preset=replace(TINY, method=method),
            training=QUICK,
        )
        detector = detector.to(torch.device(device))
        clean = detector.normaliser({k: v.to(device) for k, v in normal_taps(64, 5).items()})
        scores = detector.method.to(kind)(clean.to(kind))
        found[method] = scores.double().cpu()
    return found


def test_scores_in_float32_are_those_in_float64_to_a_hundred_thousandth() -> None:
    """So what another device rounds otherwise cannot matter."""
    single, double = scored_by_every_method("cpu"), scored_by_every_method("cpu", torch.float64)
    for method, scores in single.items():
        assert torch.allclose(scores, double[method], rtol=1e-5, atol=0), method


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_cpus_scores_to_a_hundred_thousandth() -> None:
    on_cpu, on_gpu = scored_by_every_method("cpu"), scored_by_every_method("cuda")
    for method, scores in on_cpu.items():
        assert torch.allclose(scores, on_gpu[method], rtol=1e-5, atol=0), method
