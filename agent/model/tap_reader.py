"""Reads the taps of a model that no detector was fitted for, and scores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..events.tap_vectors import TapVectors
from ..keep.shard import as_float16
from ..ports import Scored
from .load import LoadedModel
from .prepared import Prepared
from .reader import LayerReader
from .scorer import joined_taps

NO_DETECTOR = "none"
"""Stands for the version that scores, where none does."""


class TapReader:
    """The loop's scorer without a detector: it has no score columns, and gives the taps alone.

    Args:
        taps: what is read, in this order.

    Attributes:
        detector: `NO_DETECTOR`.
        columns: none.
    """

    detector = NO_DETECTOR
    columns: tuple[str, ...] = ()

    def __init__(self, loaded: LoadedModel, taps: Sequence[str]) -> None:
        self._reader = LayerReader(loaded, taps)
        self._names = tuple(taps)

    def channels(self) -> dict[str, int]:
        """Return each tap's channels, as a grey picture gives them.

        Raises:
            ModelFault, DetectorError: the model or a layer does not work.
        """
        taps = self._reader.try_out().taps
        return {name: taps[name].shape[1] for name in self._names}

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """Return the model's input for one picture; safe in every thread if the transform is."""
        return self._reader.prepare(image)

    def score(
        self,
        images: Sequence[NDArray[np.uint8] | Prepared | TapVectors],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        """Return the taps of *images*; scores and p-values are ``(n, 0)``."""
        read = self._reader.read(images)
        nothing = np.zeros((len(images), 0))
        taps = {name: read.taps[name] for name in self._names}
        return Scored(
            scores=nothing,
            p_values=nothing,
            predicted=read.predicted,
            confidences=read.confidences,
            seconds={"forward": read.forward_seconds},
            taps=as_float16(joined_taps(taps)),
        )
