"""Images through the production model, its layers tapped, its taps scored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from driftgauge.detector import Detector, LayerTaps

from ..ports import Scored
from .load import LoadedModel

_OF_CLASSES = 2
"""Dimensions of a classifier's output."""


def predicted_classes(output: object) -> NDArray[np.int64] | None:
    """Return the class of each image that a classifier's output tells, None of any other output.

    Args:
        output: ``(n, classes)``, or an object, a dict or a tuple that has it as ``logits`` or first.
    """
    if isinstance(output, Mapping):
        output = output.get("logits")
    output = getattr(output, "logits", output)
    if isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor) or output.ndim != _OF_CLASSES or output.shape[1] < 2:  # noqa: PLR2004 - one is no choice
        return None
    classes: NDArray[np.int64] = output.argmax(dim=1).cpu().numpy()
    return classes


class LayerReader:
    """Runs the model for its pooled taps. Not thread-safe.

    Attributes:
        predicted: class of each image that was read last, None when the model is no classifier.
    """

    def __init__(self, loaded: LoadedModel, layers: Sequence[str]) -> None:
        self._loaded = loaded
        self._layers = tuple(layers)
        self.stage_seconds = {"transform": 0.0, "forward": 0.0}
        self.predicted: NDArray[np.int64] | None = None

    def read(self, images: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Return pooled taps, ``(n, channels)`` each, of RGB images ``(height, width, 3)``."""
        started = time.perf_counter()
        batch = self._batch(images)
        transformed = time.perf_counter()
        loaded = self._loaded
        halved = loaded.identity.precision == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(loaded.device.type, torch.bfloat16, enabled=halved),
            LayerTaps(loaded.model, self._layers) as taps,
        ):
            self.predicted = predicted_classes(loaded.model(batch))
            pooled = taps.pooled()
        self.stage_seconds["transform"] += transformed - started
        self.stage_seconds["forward"] += time.perf_counter() - transformed
        return pooled

    def _batch(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        inputs = [self._loaded.transform(Image.fromarray(image)) for image in images]
        batch = torch.stack(inputs).to(self._loaded.device)
        return batch.contiguous(memory_format=torch.channels_last)


class ModelScorer:
    """The loop's scorer: model, taps, detector.

    Args:
        loaded: the production model.
        detector: fitted for it.
        name: the detector's version, as the database knows it.

    Attributes:
        stage_seconds: seconds spent so far in ``transform``, ``forward`` and ``detector``.
    """

    def __init__(self, loaded: LoadedModel, detector: Detector, *, name: str) -> None:
        self._reader = LayerReader(loaded, detector.layers)
        self._detector = detector.to(loaded.device)
        self._name = name
        self.stage_seconds = self._reader.stage_seconds
        self.stage_seconds["detector"] = 0.0

    @property
    def detector(self) -> str:
        """The detector's version, as the database knows it."""
        return self._name

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the score columns: the layers, then ``*``."""
        return self._detector.columns

    def score(self, images: Sequence[NDArray[np.uint8]], uniforms: NDArray[np.float64]) -> Scored:
        """Score RGB images ``(height, width, 3)``; *uniforms* in (0, 1) smooth the ranks.

        Raises:
            DetectorError: the model's layers are not the detector's, or gave NaN.
        """
        taps = self._reader.read(images)
        started = time.perf_counter()
        scores = self._detector.score(taps).double().cpu().numpy()
        statistic, p_values = self._detector.p_values(scores, uniforms)
        self.stage_seconds["detector"] += time.perf_counter() - started
        return Scored(
            scores=np.column_stack([scores, statistic]),
            p_values=p_values,
            predicted=self._reader.predicted,
        )
