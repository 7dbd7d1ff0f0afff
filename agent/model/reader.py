"""Images through the production model, its layers tapped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from driftgauge.detector import (
    PIXELS,
    DetectorError,
    LayerTaps,
    Layout,
    ShapeMismatch,
    measure_samples,
    sample_pixels,
)

from ..errors import ModelFault
from ..events.tap_vectors import TapOrigin, TapVectors
from .float_products import products_in
from .load import LoadedModel
from .model_input import ModelInput
from .pixels import as_rgb
from .predicted_class import predicted_classes
from .prepared import Prepared
from .user_code import describe_error

Made = TypeVar("Made")
_Kind = TypeVar("_Kind", bound=np.generic)

LACKING = "; name the tap in attach(layers=...), or fit the detector again"
TRIED_SIDE = 256
"""Pixels of the grey picture that shows whether a model works at all."""


@dataclass(frozen=True, slots=True)
class ReadLayers:
    """What one batch gave.

    Attributes:
        taps: layer name to pooled taps, ``(n, channels)``.
        predicted: class of each image, -1 where only its taps came; None when the model is no
            classifier.
        confidences: of these classes, 0 to 1; NaN where only taps came.
        layouts: what the axes of each tap's layer mean; empty where only taps came.
        cells: light and contrast of each picture's parts, ``(n, m)``; None where pixels are no tap.
        forward_seconds: what the forward passes took, and the statistics of pixels beside them.
    """

    taps: dict[str, Tensor]
    predicted: NDArray[np.int64] | None = None
    confidences: NDArray[np.float64] | None = None
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    cells: NDArray[np.float32] | None = None
    forward_seconds: float = 0.0


class LayerReader:
    """Runs the model for its taps. Not thread-safe, except for `prepare`.

    Args:
        taps: names as `LayerTaps` takes them, and `PIXELS` for statistics of the picture itself.
    """

    def __init__(self, loaded: LoadedModel, taps: Sequence[str]) -> None:
        self._loaded = loaded
        self._names = tuple(taps)
        self._has_pixels = PIXELS in taps
        self._taps = LayerTaps(loaded.model, [name for name in taps if name != PIXELS])
        self._input = ModelInput(loaded.transform)
        self._kind = kind_of(loaded.model)

    def prepare(self, image: NDArray[Any]) -> Prepared:
        """Return the model's input for one picture, and what its statistics need if they are a tap.

        Safe in every thread if the model's transform is.

        Args:
            image: RGB ``(height, width, 3)``, uint8; `as_rgb` says what else is taken.

        Raises:
            ShapeMismatch: it is no picture, or the transform gives none.
        """
        tensor = self._input.make(image)[None].contiguous(memory_format=torch.channels_last)
        return Prepared(tensor, sample_pixels(as_rgb(image)) if self._has_pixels else None)

    def try_out(self) -> ReadLayers:
        """Return what a grey picture gives: whether transform, model and layers work at all.

        Raises:
            ModelFault: the transform or the model fails.
            DetectorError: the transform gives no picture, or a layer cannot be tapped.
        """
        return self.read([on_grey_picture(self.prepare)])

    def read(self, images: Sequence[NDArray[Any] | Prepared | TapVectors]) -> ReadLayers:
        """Return the taps of each image, and the other outputs of the forward pass.

        Images that the transform leaves at different sizes go through the model size by size.

        Args:
            images: pictures, prepared or as `prepare` takes them. Taps that a hook sent take the
                place of a forward pass.

        Raises:
            ShapeMismatch: there are none, one is no picture, or the transform gives none.
            ModelFault: the model fails.
            DetectorError: a layer cannot be tapped.
        """
        if not images:
            raise ShapeMismatch("got no images to read, wanted at least one")
        sent = [image for image in images if isinstance(image, TapVectors)]
        pictures = [image for image in images if not isinstance(image, TapVectors)]
        if not sent:
            return self._read_pictures(pictures)
        taps = self._sent(sent)
        predicted, unknown = np.full(len(sent), -1), np.full(len(sent), np.nan)
        if not pictures:
            return ReadLayers(taps, predicted, unknown)
        read = self._read_pictures(pictures)
        is_sent = [isinstance(image, TapVectors) for image in images]
        order = np.argsort(np.argsort(is_sent, kind="stable"))
        rows = torch.from_numpy(order)
        return replace(
            read,
            taps={layer: torch.cat([read.taps[layer], taps[layer]])[rows] for layer in taps},
            predicted=_joined([read.predicted, predicted], order),
            confidences=_joined([read.confidences, unknown], order),
        )

    def _sent(self, sent: Sequence[TapVectors]) -> dict[str, Tensor]:
        """Return vectors that the serving process sent, if they are this model's."""
        identity = self._loaded.identity
        own = TapOrigin(identity.weights, identity.preprocessing, identity.precision)
        differing = [
            line for origin in {taps.origin for taps in sent} for line in origin.differences(own)
        ]
        lacking = {name for taps in sent for name in self._names if name not in taps.vectors}
        differing += [f"no tap {name}" for name in sorted(lacking)]
        if differing:
            raise ShapeMismatch(
                f"taps were sent for a different configuration (theirs != ours): {'; '.join(differing)}"
                + (LACKING if lacking else "")
            )
        device = self._loaded.device
        together = {name: np.stack([taps.vectors[name] for taps in sent]) for name in self._names}
        return {
            name: torch.from_numpy(part.astype(np.float32)).to(device)
            for name, part in together.items()
        }

    def _read_pictures(self, images: Sequence[NDArray[Any] | Prepared]) -> ReadLayers:
        inputs = [image if isinstance(image, Prepared) else self.prepare(image) for image in images]
        started = time.perf_counter()
        sizes: dict[torch.Size, list[int]] = {}
        for row, prepared in enumerate(inputs):
            sizes.setdefault(prepared.input.shape, []).append(row)
        read = [self._forward([inputs[row] for row in rows]) for rows in sizes.values()]
        order = np.argsort(np.concatenate([np.array(rows) for rows in sizes.values()]))
        taps = {layer: torch.cat([part.taps[layer] for part in read]) for layer in read[0].taps}
        if len(read) > 1:
            taps = {layer: tap[torch.from_numpy(order)] for layer, tap in taps.items()}
        cells = _joined([part.cells for part in read], order)
        return ReadLayers(
            taps,
            predicted=_joined([part.predicted for part in read], order),
            confidences=_joined([part.confidences for part in read], order),
            layouts=read[-1].layouts,
            cells=cells,
            forward_seconds=time.perf_counter() - started,
        )

    def _forward(self, inputs: list[Prepared]) -> ReadLayers:
        loaded = self._loaded
        batch = torch.cat([one.input for one in inputs]).to(loaded.device, self._kind)
        batch = batch.contiguous(memory_format=torch.channels_last)
        halved = loaded.identity.precision == "bfloat16"
        with (
            torch.inference_mode(),
            products_in(loaded.identity.precision),
            torch.autocast(loaded.device.type, torch.bfloat16, enabled=halved),
            self._taps as taps,
        ):
            output = call_model(loaded.model, batch)
            # Here a GPU is still at the forward pass.
            samples = [one.sample for one in inputs if one.sample is not None]
            pixels, cells = measure_samples(samples) if samples else (None, None)
            layouts = taps.layouts()  # `pooled` forgets them
            # A model that spans devices gives taps on each of them; the detector is on one.
            pooled = {name: tap.to(loaded.device) for name, tap in taps.pooled().items()}
            if pixels is not None:
                pooled[PIXELS] = torch.from_numpy(pixels).to(loaded.device)
            pooled = {name: pooled[name] for name in self._names}
            said = predicted_classes(output)
            if said is None:
                return ReadLayers(pooled, layouts=layouts, cells=cells)
            return ReadLayers(pooled, said.classes, said.confidences, layouts, cells)


def grey_picture() -> NDArray[np.uint8]:
    """Return the picture that shows whether a model works at all."""
    return np.full((TRIED_SIDE, TRIED_SIDE, 3), 128, np.uint8)


def prepare_grey(loaded: LoadedModel) -> Tensor:
    """Return the model's input for a grey picture, ``(1, c, h, w)``.

    Raises:
        ModelFault: the transform fails.
        ShapeMismatch: it gives no picture.
    """
    return on_grey_picture(ModelInput(loaded.transform).make)[None]


def on_grey_picture(prepare: Callable[[NDArray[np.uint8]], Made]) -> Made:
    """Return what *prepare* makes of a grey picture.

    Raises:
        ModelFault: the user's transform, which it calls, fails.
        DetectorError: the transform gives no picture.
    """
    try:
        return prepare(grey_picture())
    except DetectorError:
        raise
    except Exception as error:  # any that a user's transform raises
        raise ModelFault(
            f"the model's transform fails on a grey picture of {TRIED_SIDE} x {TRIED_SIDE} "
            f"pixels: {describe_error(error)}",
            hint="it is called with a PIL picture in RGB; see docs/models.md",
        ) from error


def call_model(model: nn.Module, batch: Tensor) -> object:
    """Return what *model* gives for *batch*.

    Raises:
        ModelFault: it failed; the message has the user's own line.
    """
    try:
        return model(batch)
    except Exception as error:  # any that a user's model raises
        shape, kind = tuple(batch.shape), str(batch.dtype).removeprefix("torch.")
        raise ModelFault(
            f"{type(model).__name__} failed on a batch of shape {shape}, {kind}, on "
            f"{batch.device}: {describe_error(error)}",
            hint="reduce batch.max_images"
            if isinstance(error, torch.OutOfMemoryError)
            else "the transform's output must match what the model takes: channels, size and range; see "
            "docs/models.md",
        ) from error


def kind_of(model: nn.Module) -> torch.dtype:
    """Return the kind of number that the model computes with."""
    kinds = (one.dtype for one in model.parameters() if one.is_floating_point())
    return next(kinds, torch.float32)


def _joined(
    parts: Sequence[NDArray[_Kind] | None], order: NDArray[np.intp]
) -> NDArray[_Kind] | None:
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    joined: NDArray[_Kind] = np.concatenate(found)[order]
    return joined
