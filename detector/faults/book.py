"""The fitted faults: which one a change of pictures looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..cells import N_CELLS
from .kinds import FROZEN
from .names import FaultNames
from .traits import Array, Traits

NOTHING: Final = "nothing"
"""The last column: pictures that nothing was done to."""
FEWEST_NORMAL = 3
"""So many normal pictures tell how much a source varies."""
MOST_VARIED = 3.0
LEAST_FROZEN = 4
FROZEN_SHARE = 0.75
"""A picture is frozen if this share of at least `LEAST_FROZEN` pictures is the same one,"""
MOST_ALIKE = 0.05
"""where no more than this share of neighbours in the reference is."""
RANKS = (0, 2, N_CELLS // 2, N_CELLS - 3, N_CELLS - 1)
"""Of the cells' changes of light, and of contrast, in order of size: those that are looked at."""


@dataclass(frozen=True)
class Level:
    """What was learnt at one amount of natural variation.

    Attributes:
        noise: share of the variation between two pictures of the reference that changes have.
        weights: ``(2 f + 1, kinds)``: of changes, of their sizes, and of neither; f as `told` has it.
        examples: ``(kinds, m, f)``: changes by every fault.
        limits: ``(kinds,)``: distance to a fault's nearest example beyond which a change is unlike it.
    """

    noise: float
    weights: Array
    examples: NDArray[np.float32]
    limits: Array

    def is_far(self, change: Array, kind: int) -> bool:
        """Return whether a change, ``(f,)``, is unlike all that was learnt of a fault."""
        return bool(nearest(change[None], self.examples[kind])[0] > self.limits[kind])


@dataclass(frozen=True)
class FaultBook:
    """What each fault does to the pictures of one reference, as one model sees them.

    Attributes:
        kinds: names of the columns; the last is `NOTHING`.
        centres: ``(groups, n)``: what is normal in each group of the reference.
        scale: ``(n,)``: natural deviations within a group.
        levels: a camera that stands still shows fainter changes than a stream of different pictures.
        alike: share of neighbouring pictures of the reference that are equal to the bit.
        found: kind to the share of held-out changes that it was the first word for, at the middle level.
        n_cells: how many of the numbers, the last ones, are of cells, or 0 where they were not known.
        bare: the same learnt without cells, for pictures whose cells are not known; None where this is.
    """

    kinds: tuple[str, ...]
    centres: Array
    scale: Array
    levels: tuple[Level, ...]
    alike: float
    found: dict[str, float]
    n_cells: int = 0
    bare: FaultBook | None = None

    def names(self, unusual: Traits, normal: Traits | None = None) -> FaultNames:
        """Return what *unusual* pictures look like beside *normal* ones; see `name_faults`."""
        if not len(unusual):
            return FaultNames(why_not="no picture of the change was kept")
        if self._is_frozen(unusual, normal):
            return FaultNames(((FROZEN, 1.0),))
        if self.bare is not None and not _know_cells(unusual, normal):
            return self.bare.names(unusual, normal)
        now = self._mean(unusual)
        change = told((now - self._centre(now, normal))[None], self.scale, self.n_cells)[0]
        level = self._level(len(unusual), normal)
        shares = softmax(features(change[None]) @ level.weights[:-1] + level.weights[-1])[0]
        order = [int(kind) for kind in np.argsort(-shares)]
        first = order[0]
        return FaultNames(
            tuple((self.kinds[k], float(shares[k])) for k in order if self.kinds[k] != NOTHING),
            is_unlike=self.kinds[first] == NOTHING or level.is_far(change, first),
        )

    def _centre(self, now: Array, normal: Traits | None) -> Array:
        """Return what the change is measured from: without *normal* pictures the nearest group."""
        if normal is not None and len(normal):
            return self._mean(normal)
        whole = slice(len(self.scale) - self.n_cells)
        distances = np.square(((self.centres - now) / self.scale)[:, whole]).sum(axis=1)
        own: Array = self.centres[distances.argmin()]
        return own

    def _mean(self, traits: Traits) -> Array:
        """Return the mean of each number that is looked at, ``(n,)``."""
        mean: Array = self._numbers(traits).mean(axis=0)
        return mean

    def _numbers(self, traits: Traits) -> Array:
        return traits.numbers[:, : len(self.scale)]

    def _level(self, n_unusual: int, normal: Traits | None) -> Level:
        """Return the level nearest to how much a mean of such pictures varies by nature."""
        noise = 1.0 / (2 * n_unusual)
        if normal is not None and len(normal):
            noise += 1.0 / (2 * len(normal))
        if normal is not None and len(normal) >= FEWEST_NORMAL:
            varied = self._numbers(normal).std(axis=0, ddof=1) / self.scale
            whole = varied[: len(varied) - self.n_cells]
            noise *= float(np.square(np.minimum(whole, MOST_VARIED)).mean())
        share = max(float(np.sqrt(noise)), 1e-6)
        return min(self.levels, key=lambda level: abs(np.log(level.noise / share)))

    def _is_frozen(self, unusual: Traits, normal: Traits | None) -> bool:
        """Return whether most pictures are one, which they are not by nature."""
        if len(unusual) < LEAST_FROZEN or self.alike > MOST_ALIKE:
            return False
        if normal is not None and len(normal) > 1 and _share_of_one(normal) >= FROZEN_SHARE:
            return False
        return _share_of_one(unusual) >= FROZEN_SHARE


def told(changes: Array, scale: Array, n_cells: int) -> Array:
    """Return what is looked at of *changes*, ``(m, n)``: ``(m, f)``, in natural deviations.

    On a scale where the gross ones do not drown the faint, and of cells those of `RANKS`, wherever they lie.

    Args:
        scale: ``(n,)``, natural deviations.
        n_cells: how many of the numbers, the last ones, are of cells.
    """
    n_whole = len(scale) - n_cells
    parts = [changes[:, :n_whole] / scale[:n_whole]]
    for first in range(n_whole, len(scale), N_CELLS):
        own = slice(first, first + N_CELLS)
        parts.append(np.sort(changes[:, own], axis=1)[:, RANKS] / scale[own].mean())
    found: Array = np.arcsinh(np.concatenate(parts, axis=1))
    return found


def n_told(n: int, n_cells: int) -> int:
    """Return f of `told`."""
    return n - n_cells + n_cells // N_CELLS * len(RANKS)


def features(changes: Array) -> Array:
    """Return each change, and its size: another scene moves numbers in either direction."""
    return np.concatenate([changes, np.abs(changes)], axis=1)


def softmax(values: Array) -> Array:
    """Return shares that sum to 1, row by row."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares


def nearest(changes: Array, examples: NDArray[Any]) -> Array:
    """Return the distance from each change to the nearest example."""
    squares = [np.square(examples - change).sum(axis=1).min() for change in changes]
    distances: Array = np.sqrt(np.array(squares, dtype=np.float64))
    return distances


def _know_cells(unusual: Traits, normal: Traits | None) -> bool:
    """Return whether light and contrast of cells are known wherever there are pictures."""
    return unusual.cells is not None and (not normal or normal.cells is not None)


def _share_of_one(traits: Traits) -> float:
    """Return the share of the picture that occurs most; the same bytes give the same statistics."""
    _, counts = np.unique(traits.pixels, axis=0, return_counts=True)
    return float(counts.max() / len(traits))
