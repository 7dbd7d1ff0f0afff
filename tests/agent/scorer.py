"""A scorer that needs no model: a bright picture is unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.ports import Scored

BRIGHT = 110


class BrightnessScorer:
    """Layer ``early`` is the uniform itself; ``*`` is a thousandth of it for a bright picture."""

    detector = "brightness-1"
    columns: tuple[str, ...] = ("early", "*")

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image

    def see(self, images: Sequence[NDArray[np.uint8]]) -> None:
        """Look at a batch before it is scored; for those who override it."""

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        self.see(images)
        level = np.array([image.mean() for image in images])
        combined = np.where(level > BRIGHT, uniforms / 1000, uniforms)
        return Scored(
            scores=np.stack([level, level], axis=1), p_values=np.stack([uniforms, combined], axis=1)
        )
