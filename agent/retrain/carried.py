"""What a candidate takes over besides taps: the classes that the model predicts, and the faults with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import Detector, read_manifest, split_reference
from driftgauge.storage import LABEL_LAYERS, N_BINS, POOL, Store

from ..fit.fault_probes import with_faults
from ..fit.labels import class_shares
from .basis import Basis
from .taps_sample import TapsSample

Counts = NDArray[np.int64]
Predictions = Mapping[tuple[str, datetime], Counts]
"""By segment and window: ``(len(LABEL_LAYERS), bins)``."""


def with_carried_faults(candidate: Detector, basis: Basis, *, seed: int) -> Detector:
    """Return *candidate* with the faults named on the first reference's pictures, as it scores these.

    The names of the basis are not taken as they are: they stand on its own p-values. As it is where the
    pictures' taps are not stored: the basis was fitted without pictures, or by an earlier version.
    """
    faults, known = basis.faults(), basis.detector.faults
    if faults is None or known is None:
        return candidate
    return with_faults(candidate, faults, alike=known.alike, seed=seed)


def with_carried_classes(
    candidate: Detector, basis: Basis, sample: TapsSample, predictions: Predictions, window: int
) -> Detector:
    """Return *candidate* with how often the model predicted each class in its own reference windows.

    Predictions are the model's, whichever detector counted them, and kept with the windows. As it is where
    none of its windows has any.

    Args:
        sample: that it was fitted on.
        window: seconds.
    """
    ids = sample.window_ids(window)
    rows = split_reference(ids).held_out
    labels = {}
    for name in candidate.reference:
        own = [row for row in rows if name == POOL or name in sample.segments[row]]
        starts = [_start(number, window) for number in np.unique(ids[own]).tolist()]
        counts = np.zeros((len(starts), len(LABEL_LAYERS), N_BINS), np.int64)
        for place, start in enumerate(starts):
            counts[place] = predictions.get((name, start), 0)
        if counts.any():
            labels[name] = counts
    if POOL not in labels:
        return candidate
    return replace(candidate, classes=basis.classes, labels=labels)


def class_notes(candidate: Detector, basis: Basis) -> dict[str, object]:
    """Return what a manifest notes of classes: better names, and how often each is predicted."""
    if not candidate.classes:
        return {}
    known = read_manifest(basis.folder)["notes"].get("class_names", {})
    return {"class_names": known, "class_shares": class_shares(candidate)}


def read_predictions(
    store: Store, stream: str, basis: Basis, run_ids: NDArray[np.int64], run: timedelta
) -> Predictions:
    """Return the predictions of whole runs, of every version that counts the same classes as *basis*."""
    found: dict[tuple[str, datetime], Counts] = {}
    classes = list(basis.classes)
    if not classes:
        return found
    names = [
        one.detector for one in store.detectors(stream) if one.manifest.get("classes") == classes
    ]
    for number in np.unique(run_ids).tolist():
        begin = datetime.fromtimestamp(number, UTC)
        for name in names:
            for row in store.windows(
                *(stream, name),
                after=begin - timedelta(seconds=1),
                until=begin + run,
                layers=LABEL_LAYERS,
            ):
                key = row.segment, row.window_start
                own = found.setdefault(key, np.zeros((len(LABEL_LAYERS), N_BINS), np.int64))
                own[LABEL_LAYERS.index(row.layer)] += row.counts
    return found


def _start(number: int, window: int) -> datetime:
    return datetime.fromtimestamp(number * window, UTC)
