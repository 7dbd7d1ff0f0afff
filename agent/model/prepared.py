"""A picture that is ready for the model, with what is measured of it as it came."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from driftgauge.detector import PixelSample


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is left of a picture once the model's transform has run.

    Attributes:
        input: of the model, ``(1, c, h, w)``, channels last in memory.
        sample: what statistics of the picture before the transform are computed from, batch by batch;
            None where the detector does not score them.
    """

    input: Tensor
    sample: PixelSample | None = None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.input.nbytes + (0 if self.sample is None else self.sample.nbytes)
