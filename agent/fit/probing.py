"""Puts known changes on held-out reference pictures, to compare what each method sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import (
    CELLS,
    FAULTS,
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


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Reference pictures that the detector was not trained on.

    Attributes:
        rows: their places in time.
        images: RGB, as they were kept.
        read: reads pictures through the model, and tells the progress; beside the taps it gives `CELLS`
            where statistics of pixels are a tap.
        plain: what it gives for *images*.
    """

    rows: list[int]
    images: list[NDArray[np.uint8]]
    read: Callable[[Sequence[NDArray[np.uint8]]], dict[str, Tensor]]
    plain: dict[str, Tensor]

    def changed(
        self, change: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]
    ) -> dict[str, Tensor]:
        """Return the taps of all pictures after ``change(image, row)``."""
        pairs = zip(self.images, self.rows, strict=True)
        return self.read([change(image, row) for image, row in pairs])


def hold_out(
    reference: Reference, reader: LayerReader, *, batch: int, on_images: Callable[[int], None]
) -> HeldOut | None:
    """Read the kept pictures that were held out; None where they are fewer than `FEWEST`.

    Args:
        on_images: called with the number of pictures done since the last call, whenever some are read.
    """
    trained_on = set(split_reference(reference.window_ids).train.tolist())
    rows = [row for row in reference.pictures if row not in trained_on]
    if len(rows) < FEWEST:
        return None
    images = [reference.pictures[row] for row in rows]

    def read(pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        taps = read_taps(reader, pictures, batch=batch)
        on_images(len(pictures))
        return taps

    return HeldOut(rows, images, read, read(images))


@dataclass(frozen=True, slots=True)
class ProbeTaps:
    """Taps of held-out pictures, and of the same with each known change.

    Attributes:
        plain: tap name, or `CELLS`, to ``(pictures, channels)``.
        probed: a key of `PROBES`, or of `FAULTS`, to the same pictures' taps, changed.
        segments: of each picture; empty where nobody needs them.
    """

    plain: Mapping[str, Tensor]
    probed: Mapping[str, Mapping[str, Tensor]]
    segments: Sequence[tuple[str, ...]] = ()


def read_probes(held: HeldOut) -> ProbeTaps:
    """Return the taps of the held-out pictures, plain and with each known change."""
    return ProbeTaps(held.plain, {kind: held.changed(partial(_probed, kind)) for kind in PROBES})


def probe_methods(
    detector: Detector, reference: Reference, probes: ProbeTaps, *, seed: int
) -> list[Comparison]:
    """Return each method's separation of probed from plain pictures, best first."""
    return compare_methods(
        detector,
        reference.taps,
        reference.window_ids,
        probes.plain,
        probes.probed,
        seed=seed,
        rows=reference.rows,
    )


def _probed(kind: str, image: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
    return probe_image(image, kind, seed=row)


def n_probes(n_pictures: int) -> int:
    """Return about how many forward passes probing takes: two thirds of the pictures are held out."""
    return (1 + len(PROBES) + len(FAULTS)) * (2 * n_pictures // 3)


def read_taps(
    reader: LayerReader, pictures: Sequence[NDArray[np.uint8]], *, batch: int
) -> dict[str, Tensor]:
    """Return all that is read of any number of pictures: taps, and `CELLS` where pixels are one."""
    parts = []
    for start in range(0, len(pictures), batch):
        read = reader.read(pictures[start : start + batch])
        cells = {} if read.cells is None else {CELLS: torch.from_numpy(read.cells)}
        parts.append({name: tap.clone() for name, tap in (read.taps | cells).items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
