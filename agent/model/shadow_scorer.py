"""A detector that scores the taps of the active one's forward pass, and never fails it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import Detector, DetectorError

from ..log import action
from ..ports import ShadowScored

log = logging.getLogger(__name__)

Array = NDArray[np.float64]


class ShadowScorer:
    """Scores beside the active detector.

    Args:
        detector: fitted for the same model.
        name: its version, as the database knows it.
        device: of the model.
    """

    def __init__(self, detector: Detector, *, name: str, device: torch.device) -> None:
        self._detector = detector.to(device)
        self.name = name
        self._has_failed = False

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the taps that it reads."""
        return self._detector.taps

    def score(
        self, taps: Mapping[str, Tensor], uniforms: Array, names: Sequence[Sequence[str]]
    ) -> ShadowScored | None:
        """Return its scores; None where it has none, which is told once."""
        own = {tap: taps[tap] for tap in self._detector.taps}
        try:
            scores, p_values = score_taps(self._detector, own, uniforms, names)
        except DetectorError as error:
            if not self._has_failed:
                log.warning(
                    "detector %s, which scores beside the active one, failed on a batch: %s",
                    *(self.name, error),
                    extra=action("shadow_failed", detector=self.name),
                )
            self._has_failed = True
            return None
        detector = self._detector
        return ShadowScored(self.name, detector.columns, detector.classes, scores, p_values)


def score_taps(
    detector: Detector,
    taps: Mapping[str, Tensor],
    uniforms: Array,
    names: Sequence[Sequence[str]],
) -> tuple[Array, Array]:
    """Return scores and p-values, ``(n, layers + 1)`` each; the last column is the combined one.

    Raises:
        DetectorError: the taps are not the detector's, or not finite.
    """
    scores = detector.score(taps).double().cpu().numpy()
    statistic, p_values = detector.p_values(scores, uniforms, names)
    return np.column_stack([scores[:, :-1], statistic]), p_values
