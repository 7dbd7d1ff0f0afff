"""Random numbers that follow from a seed alone, for many segments at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .design_effect import Array

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def hashed_uniforms(seeds: NDArray[np.int64], shape: tuple[int, ...]) -> Array:
    """Return numbers in [0, 1) for each seed, ``(seeds, *shape)``.

    Those of one seed do not depend on the others (SplitMix64: Steele, Lea and Flood 2014).
    """
    n = int(np.prod(shape))
    start = _mixed(seeds.astype(np.uint64) * _STEP + _STEP)
    steps = np.arange(1, n + 1, dtype=np.uint64) * _STEP
    bits = _mixed(start[:, None] + steps) >> np.uint64(11)
    uniforms: Array = bits.astype(np.float64) * 2.0**-53
    return uniforms.reshape(len(seeds), *shape)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
