"""A fitted detector: taps in, scores and p-values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .calibration import Array, Calibration
from .errors import NonFiniteScore, ReferenceTooSmall
from .faults.book import FaultBook
from .fitting import OnProgress, Training
from .group import calibration_groups, group_rows
from .methods import fit_method
from .methods.scoring import ScoringMethod
from .moment import layers_of
from .normaliser import Normaliser
from .pixels import PIXELS
from .preset import LEAN, Preset
from .reference import ReferenceWindows, reference_windows
from .rows import BATCH, MAX_TRAIN, Rows, normalise_rows, take_rows, thin_rows
from .splitting import MIN_EVENTS, Split, split_reference

COMBINED = "*"
PIXELS_WEIGHT = 2.0
"""What the statistics of pixels count beside each layer: chosen in docs/benchmarks.md."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Scores taps of one model; made by `fit_detector` or `load_detector`.

    Attributes:
        method: scores ``z0``; one of `METHODS`.
        preset: what was fitted, and how it scores.
        groups: segment to a calibration of its own, for those that had enough reference.
        reference: what each segment's normal looked like (`ReferenceWindows`).
        figures: what fitting measured, for people.
        classes: that the model predicts on the reference, the commonest first; empty where it
            predicts none.
        labels: counts of them and of confidences in the windows of *reference*, made by who knows
            the model's output: segment to ``(windows, rows, bins)``.
        faults: what each fault does to pictures, None where fitting learnt none; see `name_faults`.
    """

    normaliser: Normaliser
    method: ScoringMethod
    calibration: Calibration
    preset: Preset
    reference: ReferenceWindows
    groups: Mapping[str, Calibration] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    labels: ReferenceWindows = field(default_factory=dict)
    faults: FaultBook | None = None

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the taps that are scored: moments of layers, and perhaps `PIXELS`."""
        return tuple(self.normaliser.channels)

    @property
    def channels(self) -> dict[str, int]:
        """Channels of each tap, in the order in which they are scored."""
        return dict(self.normaliser.channels)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers, in the order of the scores: the moments of each are one score."""
        return layers_of(self.taps)

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
            taps: tap name to moments, ``(n, channels)``, on the detector's device.

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

    def p_values(
        self, scores: Array, uniforms: Array, segments: Sequence[Sequence[str]] = ()
    ) -> tuple[Array, Array]:
        """Return the combined statistic ``(n,)`` and p-values ``(n, layers + 1)``.

        Args:
            scores: ``(n, layers + 1)``.
            uniforms: ``(n,)`` in (0, 1).
            segments: ``(n,)`` or empty: the segments of each event; one whose segment is among
                `groups` is ranked in that group, every other among all.

        See `Calibration.p_values`.
        """
        statistic, p_values = self.calibration.p_values(scores, uniforms)
        for group, rows in group_rows(segments, self.groups).items():
            own = self.groups[group].p_values(scores[rows], uniforms[rows])
            statistic[rows], p_values[rows] = own
        return statistic, p_values


def fit_detector(
    taps: Mapping[str, Tensor],
    *,
    window_ids: NDArray[np.int64],
    segments: Sequence[Sequence[str]],
    seed: int = 0,
    preset: Preset = LEAN,
    training: Training | None = None,
    on_progress: OnProgress | None = None,
    calibrate_by: str = "",
    rows: Rows | None = None,
    device: torch.device | None = None,
    max_train: int = MAX_TRAIN,
    checkpoint: Path | None = None,
) -> Detector:
    """Fit a detector on reference taps in time order.

    Taps may be memory-mapped: what is trained on is copied, the rest is scored in batches.

    Args:
        taps: layer name to pooled activations, ``(n, channels)``.
        window_ids: ``(n,)``, not decreasing: the window of each event.
        segments: ``(n,)``: the segments of each event, besides ``*``.
        seed: makes the fit repeatable.
        preset: what to fit: method, normaliser, size and step.
        training: lengths and rates.
        on_progress: called while the denoiser trains.
        calibrate_by: name of a segment, such as ``camera``: each of its values that has enough
            held-out events is ranked among its own; empty ranks all among all.
        rows: ``(n,)``: where in *taps* each event lies, in time order; None is as they come.
        device: to fit on; None is where the taps are.
        max_train: train on so many events at most, evenly spread over the training part.
        checkpoint: file from which the denoiser's training continues after a kill; see
            `train_denoiser`.

    Raises:
        ReferenceTooSmall: fewer than `MIN_EVENTS` events.
    """
    n = len(window_ids)
    if n < MIN_EVENTS:
        raise ReferenceTooSmall(f"got {n} reference images, wanted at least {MIN_EVENTS}")
    parts = split_reference(window_ids)
    rows = np.arange(n) if rows is None else rows
    device = device or next(iter(taps.values())).device
    train = rows[thin_rows(parts.train, max_train)]
    channels = {layer: tap.shape[1] for layer, tap in taps.items()}
    normaliser = Normaliser(channels, preset.normaliser).to(device)
    normaliser.fit(take_rows(taps, train, device))
    method, figures = fit_method(
        preset,
        normalise_rows(normaliser, taps, train),
        normaliser.widths,
        seed=seed,
        training=training,
        on_progress=on_progress,
        checkpoint=checkpoint,
        joint=normaliser.joint,
    )
    draft = Detector(normaliser, method, _EMPTY, preset, {}, figures=figures)
    return _calibrated(
        draft,
        score_all(draft, taps, rows),
        parts,
        window_ids=window_ids,
        segments=segments,
        calibrate_by=calibrate_by,
        seed=seed,
    )


def _calibrated(
    draft: Detector,
    scores: Array,
    parts: Split,
    *,
    window_ids: NDArray[np.int64],
    segments: Sequence[Sequence[str]],
    calibrate_by: str,
    seed: int,
) -> Detector:
    """Return *draft* with the calibrations, and with what each segment's normal looked like."""
    cal_a, cal_b = scores[parts.cal_a], scores[parts.cal_b]
    calibrate = partial(
        Calibration.fit, weights=layer_weights(draft.layers), joining=draft.preset.joining
    )
    calibration = calibrate(cal_a, cal_b)
    p_values = np.full(scores.shape, np.nan)
    p_values[parts.cal_a], p_values[parts.cal_b] = calibration.own_p_values(cal_a, cal_b, seed)
    groups = {}
    for group, (in_a, in_b) in calibration_groups(segments, parts, calibrate_by).items():
        groups[group] = calibrate(scores[in_a], scores[in_b])
        own = groups[group].own_p_values(scores[in_a], scores[in_b], seed)
        p_values[in_a], p_values[in_b] = own
    rows = parts.held_out
    reference = reference_windows(p_values[rows], window_ids[rows], [segments[r] for r in rows])
    return replace(draft, calibration=calibration, reference=reference, groups=groups)


def layer_weights(layers: Sequence[str]) -> Array:
    """Return what each layer's surprise counts in their sum."""
    return np.array([PIXELS_WEIGHT if layer == PIXELS else 1.0 for layer in layers])


def score_all(detector: Detector, taps: Mapping[str, Tensor], rows: Rows | None = None) -> Array:
    """Score any number of taps in batches; ``(n, layers + 1)``, float64, on the CPU.

    Args:
        rows: which of the taps, in which order; None is all as they come.
    """
    rows = np.arange(len(next(iter(taps.values())))) if rows is None else rows
    device = detector.normaliser.mean.device
    # One array for all: small ones kept from each batch would pin the large ones freed around them.
    scores = np.empty((len(rows), len(detector.columns)))
    for start in range(0, len(rows), BATCH):
        part = take_rows(taps, rows[start : start + BATCH], device)
        scores[start : start + BATCH] = detector.score(part).cpu().numpy()
    return scores


_EMPTY = Calibration(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros(0))
