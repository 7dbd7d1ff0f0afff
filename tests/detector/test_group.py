from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from driftgauge.detector import (
    Detector,
    ModelIdentity,
    Preset,
    fit_detector,
    load_detector,
    save_detector,
    score_all,
)
from driftgauge.detector.group import MIN_GROUP_EVENTS

from .models import normal_taps, uniforms

N = 4800
CAMERAS = ("camera=dull", "camera=lively", "camera=rare")


def mixed_taps(n: int, seed: int) -> tuple[dict[str, torch.Tensor], list[tuple[str, ...]]]:
    """Return taps of a dull and a lively camera by turns, and now and then of a third."""
    taps = normal_taps(n, seed)
    lively = torch.arange(n) % 2 == 1
    noise = torch.Generator().manual_seed(seed + 1)
    for tap in taps.values():
        tap[lively] += torch.randn(tap[lively].shape, generator=noise)
    names = [CAMERAS[2] if row % 24 == 0 else CAMERAS[row % 2] for row in range(n)]
    return taps, [(name, "site=x") for name in names]


@cache
def fit(calibrate_by: str) -> Detector:
    taps, segments = mixed_taps(N, 0)
    return fit_detector(
        taps,
        window_ids=np.arange(N) // 10,
        segments=segments,
        preset=Preset(method="mahalanobis"),
        calibrate_by=calibrate_by,
    )


def rates(detector: Detector, alpha: float) -> dict[str, float]:
    taps, segments = mixed_taps(20_000, 7)
    _, p_values = detector.p_values(score_all(detector, taps), uniforms(20_000), segments)
    return {
        camera: float(np.mean(p_values[[camera in own for own in segments], -1] <= alpha))
        for camera in CAMERAS
    }


def test_each_group_with_enough_reference_keeps_its_own_false_alarm_rate() -> None:
    detector = fit("camera")
    assert set(detector.groups) == set(CAMERAS[:2])
    found = rates(detector, 0.05)
    noise = np.sqrt(0.05 * 0.95 * (1 / MIN_GROUP_EVENTS + 1 / 9000))
    for camera in CAMERAS[:2]:
        assert abs(found[camera] - 0.05) < 3.5 * noise
    pooled = rates(fit(""), 0.05)
    assert pooled["camera=lively"] > 0.08
    assert pooled["camera=dull"] < 0.02


def test_a_group_without_enough_reference_is_ranked_among_all() -> None:
    assert rates(fit("camera"), 0.05)["camera=rare"] == rates(fit(""), 0.05)["camera=rare"]


def test_the_reference_of_a_group_is_counted_with_the_groups_own_ranks() -> None:
    own, pooled = fit("camera").reference, fit("").reference
    for camera in CAMERAS[:2]:
        counts = own[camera][:, -1].sum(axis=0)
        assert abs(counts[:7].sum() / counts.sum() - 0.05) < 0.02
    assert np.array_equal(own[CAMERAS[2]], pooled[CAMERAS[2]])


def test_groups_survive_saving(tmp_path: Path) -> None:
    detector = fit("camera")
    identity = ModelIdentity(weights="w", preprocessing="p")
    again = load_detector(tmp_path / save_detector(detector, tmp_path, identity, {}), identity)
    taps, segments = mixed_taps(200, 5)
    scores = score_all(detector, taps)
    wanted = detector.p_values(scores, uniforms(200), segments)[1]
    assert np.array_equal(again.p_values(scores, uniforms(200), segments)[1], wanted)
