from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from driftgauge.detector import (
    METHOD_KINDS,
    PROBES,
    Comparison,
    compare_methods,
    recommend,
    split_reference,
)
from driftgauge.detector.comparison import auroc

from .models import N_REFERENCE, fit_quickly, normal_taps


def on_probes(method: str, value: float) -> Comparison:
    return Comparison(method, dict.fromkeys(PROBES, value))


def changed(taps: Mapping[str, torch.Tensor], size: float) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return {k: v + size * torch.randn(v.shape[1], generator=generator) for k, v in taps.items()}


def test_a_larger_change_is_seen_better_by_every_method_and_none_at_even_odds() -> None:
    reference, windows = normal_taps(N_REFERENCE, 0), np.arange(N_REFERENCE) // 10
    rows = torch.from_numpy(split_reference(windows).cal_b[:100])
    plain = {layer: tap[rows] for layer, tap in reference.items()}
    sizes = dict(zip(PROBES, np.linspace(0, 4, len(PROBES)), strict=True))
    probed = {kind: changed(plain, size) for kind, size in sizes.items()}
    found = compare_methods(fit_quickly(), reference, windows, plain, probed)
    assert {one.method for one in found} == set(METHOD_KINDS)
    assert [one.mean for one in found] == sorted((one.mean for one in found), reverse=True)
    for one in found:
        values = list(one.auroc.values())
        assert values[0] == pytest.approx(50)
        assert values[-1] > 95
        assert values[-1] >= values[len(values) // 2] - 1


def test_auroc_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    normal, unusual = rng.normal(0, 1, 80).round(1), rng.normal(0.7, 1, 50).round(1)
    wanted = roc_auc_score(np.repeat([0, 1], [80, 50]), np.concatenate([normal, unusual]))
    assert auroc(normal, unusual) == pytest.approx(100 * wanted)


def test_another_method_is_recommended_only_where_it_is_clearly_ahead() -> None:
    ours = on_probes("combined", 80.0)
    assert recommend([ours, on_probes("pca", 79.0)], "combined")[0] == "combined"
    method, why = recommend([on_probes("pca", 81.5), ours], "combined")
    assert method == "combined"
    assert "less than the 2" in why
    method, why = recommend([on_probes("pca", 83.0), ours], "combined")
    assert method == "pca"
    assert "83.0 %, combined with 80.0 %" in why
