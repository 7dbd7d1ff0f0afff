"""A fitted detector: taps in, scores and p-values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .calibration import Array, Calibration
from .errors import NonFiniteScore, ReferenceTooSmall
from .fitting import OnProgress, Training
from .method import LEAN, Preset, fit_method
from .normaliser import Normaliser
from .reference import ReferenceWindows, reference_windows
from .splitting import MIN_EVENTS, split_reference

COMBINED = "*"
SCORING_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Detector:
    """Scores taps of one model; made by `fit_detector` or `load_detector`.

    Attributes:
        method: scores ``z0``: `Diffusion` or a baseline.
        preset: what was fitted, and how it scores.
        reference: what each segment's normal looked like (`ReferenceWindows`).
        figures: what fitting measured, for people.
    """

    normaliser: Normaliser
    method: nn.Module
    calibration: Calibration
    preset: Preset
    reference: ReferenceWindows
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """Tapped layers, in the order of the scores."""
        return tuple(self.normaliser.channels)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the p-value columns: the layers, then ``*`` for the combined one."""
        return (*self.layers, COMBINED)

    def to(self, device: torch.device) -> Detector:
        """Move the networks to *device* and return the detector."""
        self.normaliser.to(device)
        self.method.to(device)
        return self

    @torch.inference_mode()
    def score(self, taps: Mapping[str, Tensor]) -> Tensor:
        """Return how unusual each layer is, and all of them jointly; higher is more unusual.

        Args:
            taps: layer name to pooled activations, ``(n, channels)``, on the detector's device.

        Returns:
            ``(n, layers + 1)``, float32; the last is the joint score. An empty batch gives none.

        Raises:
            ShapeMismatch: layers or channels differ from those fitted.
            NonFiniteScore: taps are not finite; ``rows`` says whose.
        """
        scores: Tensor = self.method(self.normaliser(taps))
        finite = torch.isfinite(scores).all(dim=1)
        if not bool(finite.all()):
            raise NonFiniteScore(rows=(~finite).nonzero().flatten().tolist())
        return scores

    def p_values(self, scores: Array, uniforms: Array) -> tuple[Array, Array]:
        """Return the combined statistic ``(n,)`` and p-values ``(n, layers + 1)``.

        See `Calibration.p_values`.
        """
        return self.calibration.p_values(scores, uniforms)


def fit_detector(
    taps: Mapping[str, Tensor],
    *,
    window_ids: NDArray[np.int64],
    segments: Sequence[Sequence[str]],
    seed: int = 0,
    preset: Preset = LEAN,
    training: Training | None = None,
    on_progress: OnProgress | None = None,
) -> Detector:
    """Fit a detector on reference taps in time order.

    Args:
        taps: layer name to pooled activations, ``(n, channels)``, on the device to fit on.
        window_ids: ``(n,)``, not decreasing: the window of each event.
        segments: ``(n,)``: the segments of each event, besides ``*``.
        seed: makes the fit repeatable.
        preset: what to fit: method, normaliser, size and step.
        training: lengths and rates.
        on_progress: called while the denoiser trains.

    Raises:
        ReferenceTooSmall: fewer than `MIN_EVENTS` events.
    """
    n = len(window_ids)
    if n < MIN_EVENTS:
        raise ReferenceTooSmall(f"got {n} reference images, wanted at least {MIN_EVENTS}")
    parts = split_reference(window_ids)
    train = {layer: tap[torch.from_numpy(parts.train)] for layer, tap in taps.items()}
    channels = {layer: tap.shape[1] for layer, tap in taps.items()}
    normaliser = Normaliser(channels, preset.normaliser)
    normaliser.to(next(iter(taps.values())).device).fit(train)
    method, figures = fit_method(
        preset,
        normaliser(train),
        normaliser.widths,
        seed=seed,
        training=training,
        on_progress=on_progress,
    )
    draft = Detector(normaliser, method, _EMPTY, preset, {}, figures)
    scores = score_all(draft, taps)
    cal_a, cal_b = scores[parts.cal_a], scores[parts.cal_b]
    calibration = Calibration.fit(cal_a, cal_b)
    p_a, p_b = calibration.own_p_values(cal_a, cal_b, seed)
    rows = np.concatenate([parts.cal_a, parts.cal_b])
    in_time = np.argsort(rows, kind="stable")
    rows, p_values = rows[in_time], np.concatenate([p_a, p_b])[in_time]
    reference = reference_windows(p_values, window_ids[rows], [segments[row] for row in rows])
    return Detector(normaliser, method, calibration, preset, reference, figures)


def score_all(detector: Detector, taps: Mapping[str, Tensor]) -> Array:
    """Score any number of taps in batches; ``(n, layers + 1)``, float64, on the CPU."""
    n = len(next(iter(taps.values())))
    parts = [
        detector.score({layer: tap[i : i + SCORING_BATCH] for layer, tap in taps.items()}).cpu()
        for i in range(0, n, SCORING_BATCH)
    ]
    return torch.cat(parts).double().numpy()


_EMPTY = Calibration(scores=np.zeros((0, 0)), sums=np.zeros(0), combined=np.zeros(0))
