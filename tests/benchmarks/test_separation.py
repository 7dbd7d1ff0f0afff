from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from .separation import interval, separate

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("decimals", [9, 1, 0])
def test_auroc_and_fpr95_are_scikit_learns_ties_included(decimals: int) -> None:
    normal, unusual = RNG.normal(0, 1, 300).round(decimals), RNG.normal(1, 1, 200).round(decimals)
    found = separate(normal, unusual, seed=0)
    labels, scores = np.repeat([0, 1], [300, 200]), np.concatenate([normal, unusual])
    assert found.auroc == pytest.approx(100 * roc_auc_score(labels, scores))
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert found.fpr95 == pytest.approx(100 * false[np.argmax(true >= 0.95)])


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    truth, inside = 76.02, 0  # Phi(1 / sqrt 2) of two normals one deviation apart
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = separate(rng.normal(0, 1, 200), rng.normal(1, 1, 200), seed=seed)
        low, high = interval(found.aurocs)
        inside += low <= truth <= high
    assert inside >= 52  # of 57 expected; 52 or fewer has a chance of about 2 %
