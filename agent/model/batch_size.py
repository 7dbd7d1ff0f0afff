"""How many images go through the model at once: measured at the start, on the model and device that run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ..errors import ModelFault
from ..ports import Scorer
from .reader import grey_picture

BatchSize = int | Literal["auto"]

PLAIN_BATCH = 16
"""Large enough for a CPU, where more images at once bring little, and what every model has taken so far."""

LARGER_BATCHES = (64, 256)
_WORTH = 1.05
"""A larger batch must bring this many times the images a second."""

_PASSES = 3


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """A size and what it was chosen by.

    Attributes:
        per_second: size to images a second, of those that were tried.
        reason: why none larger was taken.
    """

    max_images: int
    per_second: Mapping[int, float]
    reason: str

    def __str__(self) -> str:
        """Return it in words."""
        seen = ", ".join(f"{rate:.0f} images/s with {n}" for n, rate in self.per_second.items())
        return f"batches of {self.max_images} images ({seen}; {self.reason})"


def choose_batch(pass_seconds: Callable[[int], float], *, longest_seconds: float) -> BatchChoice:
    """Return the smallest batch that no larger one outruns by 5 %.

    Args:
        pass_seconds: what a pass of so many images takes.
        longest_seconds: no larger batch is taken whose pass takes longer, since an image waits for it;
            none is tried after a pass of half as long.

    Example:
        >>> str(choose_batch(lambda n: 0.010 + n * 1e-5, longest_seconds=0.5))
        'batches of 256 images (1575 images/s with 16, 6015 images/s with 64, 20382 images/s with 256; the largest tried)'
    """
    chosen = PLAIN_BATCH
    took = pass_seconds(PLAIN_BATCH)
    per_second = {PLAIN_BATCH: PLAIN_BATCH / took}
    for n in LARGER_BATCHES:
        if took > longest_seconds / 2:
            return BatchChoice(chosen, per_second, f"{n} would take over {longest_seconds:g} s")
        try:
            took = pass_seconds(n)
        except ModelFault as fault:
            if not isinstance(fault.__cause__, torch.OutOfMemoryError):
                raise
            return BatchChoice(chosen, per_second, f"{n} do not fit into the memory")
        per_second[n] = n / took
        if took > longest_seconds:
            return BatchChoice(chosen, per_second, f"{n} take over {longest_seconds:g} s")
        if per_second[n] < _WORTH * per_second[chosen]:
            return BatchChoice(chosen, per_second, f"{n} are no faster")
        chosen = n
    return BatchChoice(chosen, per_second, "the largest tried")


def scoring_seconds(scorer: Scorer) -> Callable[[int], float]:
    """Return a function that measures a pass of grey pictures through model, layers and detector."""
    picture = scorer.prepare(grey_picture())

    def measure(n: int) -> float:
        uniforms, times = np.full(n, 0.5), []
        for _ in range(_PASSES):
            began = time.perf_counter()
            scorer.score([picture] * n, uniforms, [{}] * n)
            times.append(time.perf_counter() - began)
        return min(times)

    return measure


def plain_batch(wanted: BatchSize) -> int:
    """Return the size for work that need not be fast: as it is set, or one that fits everywhere."""
    return PLAIN_BATCH if wanted == "auto" else wanted
