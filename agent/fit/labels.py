"""Which classes the model predicts on the reference, and how often: what is normal for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import Detector, split_reference
from driftgauge.storage import LABEL_LAYERS, N_BINS, N_CLASSES, OTHER_CLASSES, POOL

from ..counting.predicted_classes import ClassSlots, doubt_bins, is_of_class
from .gather import Reference

Counts = NDArray[np.int64]


def with_labels(detector: Detector, reference: Reference) -> Detector:
    """Return *detector* with the reference's classes, and their counts in its reference windows.

    As it is where no image has a class: the model is no classifier, and no message names one.
    """
    if not any(reference.classes):
        return detector
    classes = common_classes(reference.classes, reference.segments)
    rows = split_reference(reference.window_ids).held_out
    binned = _binned(reference, ClassSlots(classes))[rows]
    windows, segments = reference.window_ids[rows], [reference.segments[row] for row in rows]
    labels = {
        name: _count_windows(binned[chosen], windows[chosen])
        for name in detector.reference
        if len(chosen := _rows_of(name, segments)) and not is_of_class(name)
    }
    return replace(detector, classes=classes, labels=labels)


def common_classes(
    classes: Sequence[str | None], segments: Sequence[Sequence[str]]
) -> tuple[str, ...]:
    """Return the commonest classes, by the sum of their shares in all segments.

    So a camera with few images has its classes among them as well. Segments of one class say nothing.
    """
    counted: dict[str, Counter[str]] = {}
    for said, own in zip(classes, segments, strict=True):
        if said is not None:
            for name in [name for name in own if not is_of_class(name)] or [POOL]:
                counted.setdefault(name, Counter())[said] += 1
    shares: Counter[str] = Counter()
    for of_segment in counted.values():
        total = of_segment.total()
        for said, many in of_segment.items():
            shares[said] += many / total  # type: ignore[assignment]  # a share, not a count
    ordered = sorted(shares, key=lambda said: (-round(shares[said], 9), said))
    return tuple(ordered[:N_CLASSES])


def _binned(reference: Reference, slots: ClassSlots) -> Counts:
    """Return each image's bins, ``(n, len(LABEL_LAYERS))``; -1 where it has none."""
    slot = np.array([-1 if said is None else slots.of(said) for said in reference.classes])
    sure = np.asarray(reference.confidences, dtype=np.float64)
    doubt = np.where((slot < 0) | np.isnan(sure), -1, doubt_bins(sure))
    return np.stack([slot, doubt], axis=1).astype(np.int64)


def _rows_of(name: str, segments: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    return np.flatnonzero([name == POOL or name in own for own in segments])


def _count_windows(binned: Counts, window_ids: NDArray[np.int64]) -> Counts:
    _, windows = np.unique(window_ids, return_inverse=True)
    counts = np.zeros((int(windows.max()) + 1, len(LABEL_LAYERS), N_BINS), dtype=np.int64)
    for number in range(len(LABEL_LAYERS)):
        is_known = binned[:, number] >= 0
        np.add.at(counts[:, number], (windows[is_known], binned[is_known, number]), 1)
    return counts


def class_shares(detector: Detector) -> dict[str, dict[str, float]]:
    """Return how often each segment's reference has each class, those that it has."""
    found = {}
    for segment, windows in detector.labels.items():
        counts = windows[:, 0].sum(axis=0)
        names = (*detector.classes, *[OTHER_CLASSES] * (len(counts) - len(detector.classes)))
        total = int(counts.sum())
        found[segment] = {
            name: round(int(many) / total, 4)
            for name, many in zip(names, counts, strict=True)
            if many
        }
    return found
