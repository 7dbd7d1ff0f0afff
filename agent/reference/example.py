"""One reference image, and which source gave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ..events.tap_vectors import TapVectors


@dataclass(frozen=True, slots=True)
class Example:
    """A normal image.

    Attributes:
        image: ``(height, width, 3)``, RGB, uint8.
        segments: such as ``camera=3``, besides the pool.
        taken_at: event time, None where the source has none.
        number: place within its segment where there is no time.
        taps: what was sent in the image's place; None where the image is there.
        key: names the image and its content, so that it need not be read twice; None has none.
    """

    image: NDArray[np.uint8]
    segments: tuple[str, ...]
    taken_at: datetime | None = None
    number: int = 0
    taps: TapVectors | None = None
    key: str | None = None
