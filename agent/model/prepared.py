"""A picture that is ready for the model, with what can be measured of it only before."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is left of a picture once the model's transform has run.

    Attributes:
        input: of the model, ``(1, c, h, w)``, channels last in memory.
        pixels: statistics of the picture before the transform, ``(1, n)``; None where the detector
            does not score them.
        cells: light and contrast of its parts, ``(1, m)``, for naming faults; None where pixels are.
    """

    input: Tensor
    pixels: Tensor | None = None
    cells: Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        beside = [part.nbytes for part in (self.pixels, self.cells) if part is not None]
        return self.input.nbytes + sum(beside)
