"""The production model's layers, tapped and scored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import PIXELS, Detector

from ..events.tap_vectors import TapVectors
from ..keep.shard import as_float16
from ..ports import Scored
from .load import LoadedModel
from .prepared import Prepared
from .reader import LayerReader
from .shadow_scorer import ShadowScorer, score_taps

__all__ = ["LayerReader", "ModelScorer"]


class ModelScorer:
    """The loop's scorer: model, taps, detector.

    Args:
        loaded: the production model.
        detector: fitted for it.
        name: the detector's version, as the database knows it.
        gives_taps: return the taps with the scores, for those who keep them.
        shadow: scores the same taps beside it, under its own name; None for none.

    Attributes:
        has_seen_taps: whether a serving process has sent taps to it.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        detector: Detector,
        *,
        name: str,
        gives_taps: bool = False,
        shadow: ShadowScorer | None = None,
    ) -> None:
        beside = () if shadow is None else shadow.taps
        self._reader = LayerReader(loaded, tuple(dict.fromkeys((*detector.taps, *beside))))
        self._shadow = shadow
        self._detector = detector.to(loaded.device)
        self._name = name
        self._gives_taps = gives_taps
        self.has_seen_taps = False

    @property
    def detector(self) -> str:
        """The detector's version, as the database knows it."""
        return self._name

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the taps that it reads."""
        return self._detector.taps

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the score columns: the layers, then ``*``."""
        return self._detector.columns

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """Return the model's input for one picture; safe in every thread if the transform is."""
        return self._reader.prepare(image)

    def score(
        self,
        images: Sequence[NDArray[np.uint8] | Prepared | TapVectors],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        """Score RGB images ``(height, width, 3)``, prepared or not, or taps without a forward pass.

        Args:
            uniforms: in (0, 1), smooth the ranks.
            segments: of each image; one whose group has its own calibration is ranked in it.

        Raises:
            DetectorError: the model's layers are not the detector's, or gave NaN.
        """
        self.has_seen_taps |= any(isinstance(image, TapVectors) for image in images)
        read = self._reader.read(images)
        names = [[f"{name}={value}" for name, value in own.items()] for own in segments]
        taps = {tap: read.taps[tap] for tap in self._detector.taps}
        started = time.perf_counter()
        scores, p_values = score_taps(self._detector, taps, uniforms, names)
        scored = time.perf_counter()
        shadow = None if self._shadow is None else self._shadow.score(read.taps, uniforms, names)
        pixels = read.taps.get(PIXELS)
        return Scored(
            scores=scores,
            p_values=p_values,
            predicted=read.predicted,
            confidences=read.confidences,
            seconds={
                "forward": read.forward_seconds,
                "detector": scored - started,
                **({} if shadow is None else {"shadow": time.perf_counter() - scored}),
            },
            taps=as_float16(joined_taps(taps)) if self._gives_taps else None,
            pixels=None if pixels is None else pixels.float().cpu().numpy(),
            cells=read.cells,
            shadow=shadow,
        )


def joined_taps(taps: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """Return the taps side by side, ``(n, channels)``, on the CPU."""
    joined: NDArray[np.float32] = torch.cat(list(taps.values()), dim=1).float().cpu().numpy()
    return joined
