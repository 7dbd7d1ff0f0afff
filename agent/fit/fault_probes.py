"""Puts the faults that have names on held-out reference pictures, so that the detector can name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import (
    FAULTS,
    PIXELS,
    Detector,
    Traits,
    damage_image,
    learn_faults,
    score_all,
)

from .gather import Reference
from .probing import HeldOut

_MOST_NEIGHBOURS = 5_000


def with_faults(detector: Detector, reference: Reference, held: HeldOut, *, seed: int) -> Detector:
    """Return *detector* with what each fault does; as it is where it does not score pixels."""
    if PIXELS not in detector.taps:
        return detector
    damaged = {kind: _traits(detector, held.changed(partial(_damaged, kind))) for kind in FAULTS}
    book = learn_faults(
        _traits(detector, held.plain),
        damaged,
        [reference.segments[row] for row in held.rows],
        alike=_alike(reference.taps[PIXELS], reference.rows, reference.segments),
        seed=seed,
    )
    return replace(detector, faults=book)


def _damaged(kind: str, image: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
    return damage_image(image, kind, seed=row)


def _traits(detector: Detector, taps: Mapping[str, Tensor]) -> Traits:
    scores = score_all(detector, taps)
    _, p_values = detector.p_values(scores, np.full(len(scores), 0.5))
    return Traits(taps[PIXELS].double().cpu().numpy(), p_values[:, :-1])


def _alike(pixels: Tensor, rows: NDArray[np.int64], segments: Sequence[tuple[str, ...]]) -> float:
    """Return the share of neighbours in time, in one segment, that are equal to the bit."""
    last: dict[tuple[str, ...], Tensor] = {}
    n_equal = n_pairs = 0
    for row, own in list(zip(rows.tolist(), segments, strict=True))[:_MOST_NEIGHBOURS]:
        if (before := last.get(own)) is not None:
            n_pairs += 1
            n_equal += bool((pixels[row] == before).all())
        last[own] = pixels[row]
    return n_equal / max(n_pairs, 1)
