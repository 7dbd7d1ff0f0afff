"""A season: light that grows warmer, lower and hazier over hundreds of frames, and stays so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

_TINT = np.array([1.02, 0.99, 0.94], np.float32)
"""What the season's light does to red, green and blue."""

_HAZE, _HAZE_COLOUR = 0.05, np.array([196, 188, 172], np.float32)


@dataclass(frozen=True, slots=True)
class Season:
    """One change of season; frame indices count from the first reference frame.

    Attributes:
        begins: the last frame of the old season.
        ends: the first frame that is wholly of the new one.
    """

    begins: int
    ends: int

    def share(self, index: int) -> float:
        """Return how far the season has moved at frame *index*, 0 to 1.

        >>> Season(100, 200).share(150)
        0.5
        """
        return min(1.0, max(0.0, (index - self.begins) / (self.ends - self.begins)))


def in_season(image: Image.Image, share: float) -> Image.Image:
    """Return *image*, RGB, in the light of a season that has moved by *share*."""
    if not share:
        return image
    pixels = np.asarray(image, np.float32)
    haze = share * _HAZE
    lit = (pixels * (1 + share * (_TINT - 1))) * (1 - haze) + haze * _HAZE_COLOUR
    return Image.fromarray(np.clip(np.rint(lit), 0, 255).astype(np.uint8))
