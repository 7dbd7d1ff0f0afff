"""``label_shift``: bets on the classes that the model predicts, and on how sure it is (docs/method.md).

The same bets on whole windows as `WindowBets`, on other counts: events of each class, and events of which
the model is less or more sure. It judges predictions and never the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import N_BINS

from ..design_effect import Array, Counts
from ..drift_test import Arrays, JudgedWindows, restarted
from ..label_counts import OF_CLASSES, OF_CONFIDENCE, class_counts, confidence_counts
from ..label_reference import MIN_WINDOWS, ReferenceLabels
from ..log_evidence import advance, log_mean_of
from ..reference_windows import ReferenceWindows
from ..window_model import N_SHAPES, Alternative, WindowModel, build_model, log_ratios
from .window_bets import MOST_RISE, SHARE

CONFIDENCE_SHARE = 0.3
"""Weight of the bets on confidence."""

N_CLASS_BETS = len(OF_CLASSES)
N_BETS = N_CLASS_BETS + len(OF_CONFIDENCE)
_COUNT_OF_BET = np.array(
    [
        *(alternative.count for alternative in OF_CLASSES),
        *(2 * N_BINS + alternative.count for alternative in OF_CONFIDENCE),
    ]
)
_IS_OF_CLASS = np.arange(N_BETS) < N_CLASS_BETS

CountEvents = Callable[..., tuple[NDArray[np.int64], NDArray[np.int64]]]


class LabelShift:
    """Baseline, by component of `N_BETS` bets: what a `WindowModel` holds, ``inflation`` and ``most_events``.

    ``is_bet``: which bets there are: none on confidences that the reference does not know.

    Evidence: as that of `WindowBets`, without columns.
    """

    def measure(self, reference: ReferenceWindows) -> Arrays | None:
        """Return the bets; None where too few reference windows have predictions."""
        every = [each.labels for each in reference.components]
        known = [labels for labels in every if labels is not None and labels.stands_alone]
        if not known or len(known) < len(every):
            return None
        measured = [self._measure_one(labels) for labels in known]
        return {name: np.stack([each[name] for each in measured]) for name in measured[0]}

    def _measure_one(self, labels: ReferenceLabels) -> Arrays:
        """Return the bets against one component."""
        of_classes = _model(labels.held_windows[:, 0], class_counts, OF_CLASSES, labels, row=0)
        of_confidence = _model(labels.sure_windows, confidence_counts, OF_CONFIDENCE, labels, row=1)
        return {
            name: np.concatenate([of_classes[name], of_confidence[name]]) for name in of_classes
        }

    def start(self, baseline: Arrays) -> Arrays:
        """Return evidence of no window yet."""
        n, _, bets = baseline["is_bet"].shape
        shape = (n, bets)
        return {
            "log_evidence": np.full(shape, -np.inf, dtype=np.float32),
            "rise": np.zeros(shape, dtype=np.float16),
            "starts": np.zeros(shape, dtype=np.int64),
        }

    def judge(
        self, baseline: Arrays, evidence: Arrays, windows: JudgedWindows
    ) -> tuple[Arrays, Array]:
        """Take in a window; the statistic is the mean of the bets on classes and on confidence."""
        is_bet = baseline["is_bet"].all(axis=1)
        gain = np.where(is_bet, _gains(baseline, windows.counts), 0.0)
        before = evidence["log_evidence"].astype(np.float64)
        moved = advance(before, gain, windows.log_weights[:, None])
        after = np.where(is_bet, moved, -np.inf).astype(np.float32)
        rise = evidence["rise"].astype(np.float64)
        now: Arrays = {
            "log_evidence": after,
            "rise": np.clip(rise + gain, 0.0, MOST_RISE).astype(np.float16),
            "starts": np.where(rise <= 0.0, windows.seconds[:, None], evidence["starts"]),
        }
        bets = after.astype(np.float64)
        classes, confidence = (
            log_mean_of(bets, is_bet & of) for of in (_IS_OF_CLASS, ~_IS_OF_CLASS)
        )
        has_confidence = (is_bet & ~_IS_OF_CLASS).any(axis=1)
        both = np.logaddexp(
            math.log1p(-CONFIDENCE_SHARE) + classes, math.log(CONFIDENCE_SHARE) + confidence
        )
        return now, np.where(has_confidence, both, classes)

    def since(self, evidence: Arrays) -> NDArray[np.int64]:
        """Return when the strongest bet's evidence last rose from its low."""
        best = evidence["log_evidence"].argmax(axis=1)
        found: NDArray[np.int64] = evidence["starts"][np.arange(len(best)), best]
        return found

    def restart(self, evidence: Arrays, which: NDArray[np.bool_]) -> Arrays:
        """Drop the evidence of some segments."""
        return restarted(evidence, {"log_evidence": -np.inf, "rise": 0, "starts": 0}, which)


def _gains(baseline: Arrays, counts: Counts) -> Array:
    """Return each bet's log likelihood gain, ``(segments, N_BETS)``; 0 where nothing is known.

    The smallest over the components, as that of `WindowBets`.
    """
    most = baseline["most_events"]
    classes, n_classes = class_counts(counts[:, None, 0], most[..., 0])
    doubts, n_doubts = confidence_counts(counts[:, None, 1], most[..., -1])
    k = np.concatenate([classes, doubts], axis=-1)[..., _COUNT_OF_BET].astype(np.float64)
    n = np.where(_IS_OF_CLASS, n_classes[..., None], n_doubts[..., None]).astype(np.float64)
    ratios = log_ratios(
        baseline["a"].astype(np.float64), baseline["b"].astype(np.float64), baseline["offset"], k, n
    )
    staked = math.log(SHARE) + ratios - baseline["penalty"]
    gains = np.logaddexp(math.log1p(-SHARE), staked) / baseline["inflation"]
    found: Array = np.where(n > 0, gains, 0.0).min(axis=1)
    return found


def _model(
    windows: Counts,
    count_events: CountEvents,
    alternatives: Sequence[Alternative],
    labels: ReferenceLabels,
    *,
    row: int,
) -> Arrays:
    """Return the bets on one row of the reference, all of them off where it has too few windows."""
    n_bets = len(alternatives)
    if len(windows) < MIN_WINDOWS:
        return _no_bets(n_bets)
    k, n = count_events(windows)
    inflation = float(labels.inflation[row])
    model = _shared_model(k, n, alternatives, inflation)
    return {
        "a": model.a.astype(np.float32),
        "b": model.b.astype(np.float32),
        "offset": model.offset,
        "penalty": model.penalty,
        "inflation": np.full(n_bets, inflation),
        "most_events": np.full(n_bets, model.most_events, dtype=np.int32),
        "is_bet": np.ones(n_bets, dtype=bool),
    }


def _shared_model(
    k: NDArray[np.int64],
    n: NDArray[np.int64],
    alternatives: Sequence[Alternative],
    inflation: float,
) -> WindowModel:
    """Build the bets, those on counts that are alike (of classes that never come) once."""
    different, same = np.unique(k, axis=1, return_inverse=True)
    wanted = [
        Alternative(int(same.ravel()[one.count]), one.times, one.rest) for one in alternatives
    ]
    once = list(dict.fromkeys(wanted))
    model = build_model(different, n, once, inflation)
    rows = np.array([once.index(one) for one in wanted])
    return WindowModel(
        model.a[rows], model.b[rows], model.offset[rows], model.penalty[rows], model.events
    )


def _no_bets(n_bets: int) -> Arrays:
    shape = (n_bets, N_SHAPES)
    return {
        "a": np.ones(shape, dtype=np.float32),
        "b": np.ones(shape, dtype=np.float32),
        "offset": np.zeros(shape),
        "penalty": np.zeros(n_bets),
        "inflation": np.ones(n_bets),
        "most_events": np.ones(n_bets, dtype=np.int32),
        "is_bet": np.zeros(n_bets, dtype=bool),
    }
