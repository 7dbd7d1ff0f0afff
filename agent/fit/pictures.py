"""Keeps a few reference pictures, small, until it is known which of them were held out."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGER_SIDE = 640
"""Pixels that a kept picture has at most on its longer side; the model's input is seldom larger."""


class PictureReservoir:
    """A uniform sample of a stream of pictures, of fixed size.

    Args:
        size: pictures to keep; 0 keeps none.
        seed: makes the choice repeatable.

    References:
        Vitter 1985, "Random Sampling with a Reservoir", algorithm R.
    """

    def __init__(self, size: int, *, seed: int = 0) -> None:
        self._size = size
        self._rng = random.Random(seed)
        self._kept: list[tuple[int, NDArray[np.uint8]]] = []
        self._n_seen = 0

    def offer(self, number: int, image: NDArray[np.uint8]) -> None:
        """Show picture *number*; it is kept with the chance that all so far have."""
        self._n_seen += 1
        if len(self._kept) < self._size:
            self._kept.append((number, shrunk_copy(image)))
            return
        place = self._rng.randrange(self._n_seen)
        if place < self._size:
            self._kept[place] = (number, shrunk_copy(image))

    @property
    def kept(self) -> dict[int, NDArray[np.uint8]]:
        """Return each kept picture by its number."""
        return dict(sorted(self._kept))


def is_large(image: NDArray[np.uint8]) -> bool:
    """Return whether a picture is kept smaller than it is."""
    return bool(max(image.shape[:2]) > LONGER_SIDE)


def shrunk_copy(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what is kept of a picture, which holds no memory of the picture itself."""
    if not is_large(image):
        return image.copy()
    picture = Image.fromarray(image)
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE))
    return np.asarray(picture)
