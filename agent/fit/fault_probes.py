"""Puts the faults that have names on held-out reference pictures, so that the detector can name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import (
    CELLS,
    FAULTS,
    PIXELS,
    Detector,
    Traits,
    damage_image,
    learn_faults,
    score_all,
)

from .gather import Reference
from .probing import HeldOut, ProbeTaps

_MOST_NEIGHBOURS = 5_000


def read_faults(detector: Detector, reference: Reference, held: HeldOut) -> ProbeTaps | None:
    """Return the taps of the held-out pictures with each fault; None where *detector* scores no pixels."""
    if PIXELS not in detector.taps:
        return None
    damaged = {kind: held.changed(partial(_damaged, kind)) for kind in FAULTS}
    return ProbeTaps(held.plain, damaged, [reference.segments[row] for row in held.rows])


def with_faults(detector: Detector, faults: ProbeTaps, *, alike: float, seed: int) -> Detector:
    """Return *detector* with what each fault does to pictures, as it scores them.

    Args:
        alike: share of neighbours in time of the reference that are equal to the bit.
    """
    damaged = {kind: _traits(detector, taps) for kind, taps in faults.probed.items()}
    book = learn_faults(
        _traits(detector, faults.plain), damaged, faults.segments, alike=alike, seed=seed
    )
    return replace(detector, faults=book)


def _damaged(kind: str, image: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
    return damage_image(image, kind, seed=row)


def _traits(detector: Detector, taps: Mapping[str, Tensor]) -> Traits:
    scores = score_all(detector, taps)
    _, p_values = detector.p_values(scores, np.full(len(scores), 0.5))
    cells = taps[CELLS].double().cpu().numpy() if CELLS in taps else None
    return Traits(taps[PIXELS].double().cpu().numpy(), p_values[:, :-1], cells)


def share_alike(reference: Reference) -> float:
    """Return the share of neighbours in time, in one segment, that are equal to the bit."""
    pixels, rows, segments = reference.taps[PIXELS], reference.rows, reference.segments
    last: dict[tuple[str, ...], Tensor] = {}
    n_equal = n_pairs = 0
    for row, own in list(zip(rows.tolist(), segments, strict=True))[:_MOST_NEIGHBOURS]:
        if (before := last.get(own)) is not None:
            n_pairs += 1
            n_equal += bool((pixels[row] == before).all())
        last[own] = pixels[row]
    return n_equal / max(n_pairs, 1)
