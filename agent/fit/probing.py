"""Puts known changes on held-out reference pictures, and compares what each method sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import (
    PROBES,
    Comparison,
    Detector,
    compare_methods,
    probe_image,
    split_reference,
)

from ..model.scorer import LayerReader
from .gather import Reference

FEWEST = 16
"""Held-out pictures below which nothing is said."""


def probe_methods(
    detector: Detector,
    reference: Reference,
    reader: LayerReader,
    *,
    batch: int,
    seed: int,
    on_images: Callable[[int], None],
) -> list[Comparison]:
    """Return each method's separation of probed from plain pictures, best first.

    Empty where fewer than `FEWEST` of the kept pictures were held out of training.

    Args:
        on_images: called with the number of pictures done since the last call.
    """
    trained_on = set(split_reference(reference.window_ids).train.tolist())
    rows = [row for row in reference.pictures if row not in trained_on]
    if len(rows) < FEWEST:
        return []
    images = [reference.pictures[row] for row in rows]

    def read(pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        taps = _read(reader, pictures, batch=batch)
        on_images(len(pictures))
        return taps

    plain = read(images)
    probed: Mapping[str, Mapping[str, Tensor]] = {
        kind: read(
            [probe_image(image, kind, seed=row) for row, image in zip(rows, images, strict=True)]
        )
        for kind in PROBES
    }
    return compare_methods(
        detector,
        reference.taps,
        reference.window_ids,
        plain,
        probed,
        seed=seed,
        rows=reference.rows,
    )


def n_probes(n_pictures: int) -> int:
    """Return about how many forward passes probing takes: two thirds of the pictures are held out."""
    return (len(PROBES) + 1) * (2 * n_pictures // 3)


def _read(
    reader: LayerReader, pictures: Sequence[NDArray[np.uint8]], *, batch: int
) -> dict[str, Tensor]:
    parts = [
        {k: v.clone() for k, v in reader.read(pictures[i : i + batch]).taps.items()}
        for i in range(0, len(pictures), batch)
    ]
    return {layer: torch.cat([part[layer] for part in parts]) for layer in parts[0]}
