"""A candidate and what it is compared with: its scores of fresh events, of the anchor and of the probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import P_VALUE_EDGES, Detector, score_all

from ..fit.companions import split_taps
from ..fit.probing import ProbeTaps
from ..keep.shard import Shard
from .approvals import Approval
from .clustered_rate import FEWEST_RUNS, WindowHits
from .taps_sample import TapsSample

HOLD_OUT_ONE_IN = 5
"""One run in so many is kept from the candidate, and shows its false-alarm rate."""


@dataclass(frozen=True, slots=True)
class GateInput:
    """What a gate looks at.

    Attributes:
        candidate: just fitted.
        basis: the active detector.
        accepted: all traffic that was accepted: what was learnt from, and *fresh*.
        fresh: accepted traffic that neither training nor calibration of the candidate saw.
        real: traffic of alerts that a person found to be real; None without any.
        anchor: of the first reference; None where the detector's folder has none.
        probes: held-out pictures of the first reference, plain and changed; None likewise.
        alpha: an event with a p-value of at most this is out of distribution.
        approvals: what people called normal.
        accepts_learnt: whether a person said that this is normal even where it looks like a fault.
    """

    candidate: Detector
    basis: Detector
    accepted: TapsSample
    fresh: TapsSample
    real: TapsSample | None
    anchor: Shard | None
    probes: ProbeTaps | None
    alpha: float
    approvals: Sequence[Approval] = ()
    accepts_learnt: bool = False


def held_out_runs(run_ids: NDArray[np.int64], one_in: int = HOLD_OUT_ONE_IN) -> NDArray[np.bool_]:
    """Return which events are of held-out runs: one run in so many, evenly in time."""
    _, places = np.unique(run_ids, return_inverse=True)
    held: NDArray[np.bool_] = places % one_in == one_in // 2
    return held


def first_one_in(n_runs: int) -> int:
    """Return one run in how many is held out of *n_runs* for a first detector, whose rate must be checked.

    >>> first_one_in(10), first_one_in(17), first_one_in(200)
    (2, 3, 5)
    """
    return max(2, min(HOLD_OUT_ONE_IN, n_runs // FEWEST_RUNS))


def statistics_of(detector: Detector, taps: Mapping[str, Tensor]) -> NDArray[np.float64]:
    """Return the combined statistic of each event, ``(n,)``; higher is more unusual."""
    return detector.calibration.statistic(score_all(detector, taps))


def p_values_of(
    detector: Detector, taps: Mapping[str, Tensor], segments: Sequence[Sequence[str]], seed: int = 0
) -> NDArray[np.float64]:
    """Return the combined p-value of each event, ``(n,)``."""
    scores = score_all(detector, taps)
    uniforms = np.random.default_rng(seed).uniform(1e-12, 1, len(scores))
    return detector.p_values(scores, uniforms, segments)[1][:, -1]


def anchor_taps(anchor: Shard, detector: Detector) -> dict[str, Tensor] | None:
    """Return the anchor's taps, None where the detector scores others."""
    return split_taps(anchor) if dict(anchor.channels) == detector.channels else None


def reference_hits(detector: Detector, segment: str, alpha: float) -> WindowHits | None:
    """Return the out-of-distribution events of a segment's windows in the detector's own reference."""
    if segment not in detector.reference:
        return None
    counts = detector.reference[segment][:, -1]
    at_most = int(np.searchsorted(P_VALUE_EDGES, alpha * (1 + 1e-9), side="right")) - 1
    found = WindowHits(counts.sum(axis=1), counts[:, :at_most].sum(axis=1))
    return found if found.events.sum() else None


def is_finite(detector: Detector) -> bool:
    """Return whether every number of the detector is finite."""
    tensors = [*detector.method.state_dict().values(), *detector.normaliser.state_dict().values()]
    arrays = [detector.calibration.scores, detector.calibration.combined, detector.calibration.sums]
    return all(bool(torch.isfinite(one).all()) for one in tensors) and all(
        bool(np.isfinite(one).all()) for one in arrays
    )
