"""A fitted detector: taps in, scores and p-values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .calibration import Array, Calibration
from .denoiser import Denoiser
from .errors import NonFiniteScore, ReferenceTooSmall
from .fitting import OnProgress, Training, train_denoiser
from .normaliser import DatasetNormaliser
from .reference import ReferenceWindows, reference_windows
from .scoring import layer_errors, restore
from .splitting import MIN_EVENTS, split_reference

COMBINED = "*"
SCORING_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Preset:
    """Size of the denoiser and the step that it scores at."""

    width: int = 512
    n_blocks: int = 4
    step: int = 75


LEAN = Preset()


@dataclass(frozen=True, slots=True)
class Detector:
    """Scores taps of one model; made by `fit_detector` or `load_detector`.

    Attributes:
        preset: the denoiser's size and the step it scores at.
        reference: what each segment's normal looked like (`ReferenceWindows`).
        figures: what fitting measured, for people.
    """

    normaliser: DatasetNormaliser
    denoiser: Denoiser
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
        self.denoiser.to(device)
        return self

    @torch.inference_mode()
    def score(self, taps: Mapping[str, Tensor]) -> Tensor:
        """Return how badly each layer is restored; higher is more unusual.

        Args:
            taps: layer name to pooled activations, ``(n, channels)``, on the detector's device.

        Returns:
            ``(n, layers)``, float32.

        Raises:
            ShapeMismatch: layers or channels differ from those fitted.
            NonFiniteScore: a tap is not finite.
        """
        clean = self.normaliser(taps)
        restored = restore(self.denoiser, clean, step=self.preset.step)
        scores = layer_errors(clean, restored, list(self.normaliser.channels.values()))
        if not bool(torch.isfinite(scores).all()):
            raise NonFiniteScore
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
        preset: size and step.
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
    normaliser = DatasetNormaliser({layer: tap.shape[1] for layer, tap in taps.items()})
    normaliser.to(next(iter(taps.values())).device).fit(train)
    denoiser, figures = train_denoiser(
        normaliser(train),
        width=preset.width,
        n_blocks=preset.n_blocks,
        seed=seed,
        training=training,
        on_progress=on_progress,
    )
    draft = Detector(normaliser, denoiser, _EMPTY, preset, {}, figures)
    scores = score_all(draft, taps)
    cal_a, cal_b = scores[parts.cal_a], scores[parts.cal_b]
    calibration = Calibration.fit(cal_a, cal_b)
    p_a, p_b = calibration.own_p_values(cal_a, cal_b, seed)
    rows = np.concatenate([parts.cal_a, parts.cal_b])
    in_time = np.argsort(rows, kind="stable")
    rows, p_values = rows[in_time], np.concatenate([p_a, p_b])[in_time]
    reference = reference_windows(p_values, window_ids[rows], [segments[row] for row in rows])
    return Detector(normaliser, denoiser, calibration, preset, reference, figures)


def score_all(detector: Detector, taps: Mapping[str, Tensor]) -> Array:
    """Score any number of taps in batches; ``(n, layers)``, float64, on the CPU."""
    n = len(next(iter(taps.values())))
    parts = [
        detector.score({layer: tap[i : i + SCORING_BATCH] for layer, tap in taps.items()}).cpu()
        for i in range(0, n, SCORING_BATCH)
    ]
    return torch.cat(parts).double().numpy()


_EMPTY = Calibration(layer_scores=np.zeros((0, 0)), combined=np.zeros(0))
