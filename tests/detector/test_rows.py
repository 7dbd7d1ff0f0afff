from __future__ import annotations

import numpy as np
import torch

from driftgauge.detector import Detector, Preset, fit_detector, score_all, split_reference
from driftgauge.detector.rows import thin_rows

from .models import N_REFERENCE, normal_taps

CHEAP = Preset(method="mahalanobis")
WINDOWS = np.arange(N_REFERENCE) // 10
SEGMENTS = [(f"camera={row % 2}",) for row in range(N_REFERENCE)]


def same(first: Detector, second: Detector) -> bool:
    states = first.method.state_dict(), second.method.state_dict()
    return all(torch.equal(value, states[1][key]) for key, value in states[0].items()) and bool(
        np.array_equal(first.calibration.combined, second.calibration.combined)
    )


def test_a_fit_by_rows_is_the_fit_on_taps_in_the_order_of_time() -> None:
    taps = normal_taps(N_REFERENCE, 0)
    order = np.random.default_rng(1).permutation(N_REFERENCE)
    arrived = {layer: tap[torch.from_numpy(order)] for layer, tap in taps.items()}
    in_time = fit_detector(taps, window_ids=WINDOWS, segments=SEGMENTS, preset=CHEAP)
    by_rows = fit_detector(
        arrived, window_ids=WINDOWS, segments=SEGMENTS, preset=CHEAP, rows=np.argsort(order)
    )
    as_they_came = fit_detector(arrived, window_ids=WINDOWS, segments=SEGMENTS, preset=CHEAP)
    assert same(by_rows, in_time)
    assert not same(as_they_came, in_time)
    scores = score_all(by_rows, arrived, np.argsort(order))
    assert np.array_equal(scores, score_all(in_time, taps))


def test_a_large_reference_trains_on_rows_spread_over_all_of_it() -> None:
    taps = normal_taps(N_REFERENCE, 0)
    fitted = fit_detector(taps, window_ids=WINDOWS, segments=SEGMENTS, preset=CHEAP, max_train=50)
    rows = thin_rows(split_reference(WINDOWS).train, 50)
    assert len(rows) == 50
    assert rows[-1] > 0.7 * N_REFERENCE
    clean = fitted.normaliser({layer: tap[torch.from_numpy(rows)] for layer, tap in taps.items()})
    means = torch.cat([fitted.method.get_buffer(f"mean_{layer}") for layer in range(2)])
    assert torch.allclose(means, clean.mean(dim=0), atol=1e-6)
