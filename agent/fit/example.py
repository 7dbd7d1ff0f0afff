"""One reference image, and which source gave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ..events.tap_vectors import TapVectors
from ..model.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Example:
    """A normal image.

    Attributes:
        image: ``(height, width, 3)``, RGB, uint8.
        segments: such as ``camera=3``, besides the pool.
        taken_at: event time, None where the source has none.
        number: place within its segment where there is no time.
        predicted: the class that the served model gave, where its message says it.
        taps: what was sent in the image's place; None where the image is there.
        prepared: the model's input, made of the image; None where it is not made yet.
        key: names the image and its content, so that it need not be read twice; None has none.
    """

    image: NDArray[np.uint8]
    segments: tuple[str, ...]
    taken_at: datetime | None = None
    number: int = 0
    predicted: str | None = None
    taps: TapVectors | None = None
    key: str | None = None
    prepared: Prepared | None = None

    @property
    def to_read(self) -> NDArray[np.uint8] | Prepared | TapVectors:
        """The taps if there are any, else the image, prepared if it is."""
        if self.taps is not None:
            return self.taps
        return self.image if self.prepared is None else self.prepared
