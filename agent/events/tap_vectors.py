"""Tap vectors on the wire: pooled layers of some images, sent by a hook in the serving process.

The value is a safetensors file, so that it describes itself and nothing in it can run: one matrix
``(images, channels)`` a layer, float16 or float32, and in its metadata the format's version, what the
vectors come from, and of each image the headers that it would have in a message of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from ..errors import EventOfOtherModel, EventSchemaError
from ..untrusted.text import MAX_ID_CHARACTERS, plain_text

CONTENT_TYPE = "application/vnd.driftgauge.taps"
VERSION = "2"
HEADER_LENGTH_BYTES = 8
MAX_HEADER_BYTES = 1024 * 1024
MAX_LAYERS = 256
MAX_IMAGES = 1024
_PIXELS = "pixels"
"""As the detector calls statistics of pixels; its package, with torch, is not loaded for it."""
_MAX_ORIGIN_CHARACTERS = 8192

_KINDS: dict[str, np.dtype[np.floating]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


@dataclass(frozen=True, slots=True)
class TapOrigin:
    """What vectors come from, and what a detector's reference came from: these must be equal.

    Attributes:
        weights: hash of the model's weights, as `driftgauge.detector.hash_weights` makes it.
        preprocessing: what happens to an image before the model, in words; empty is not told, and
            then not compared.
        precision: in which the model computes, such as ``float32``.
    """

    weights: str
    preprocessing: str
    precision: str

    def _compared(self) -> dict[str, str]:
        return asdict(self) | {"preprocessing": _one_line(self.preprocessing)}

    def differences(self, other: TapOrigin) -> list[str]:
        """Return a line for each thing in which *other* differs, ours first."""
        mine, theirs = self._compared(), other._compared()
        return [
            f"{key}: {mine[key] or 'not told'} != {theirs[key]}"
            for key in mine
            if mine[key] != theirs[key] and (mine[key] or key != "preprocessing")
        ]


@dataclass(frozen=True, slots=True)
class TapVectors:
    """One image's pooled layers.

    Attributes:
        vectors: layer name to ``(channels,)``, float16 or float32.
    """

    origin: TapOrigin
    vectors: Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class TapBatch:
    """What one message holds.

    Attributes:
        vectors: layer name to ``(n, channels)``, float16 or float32.
        images: headers of each of the *n* images.
    """

    origin: TapOrigin
    vectors: Mapping[str, NDArray[np.floating]]
    images: tuple[Mapping[str, str], ...]

    def of_image(self, item: int) -> TapVectors:
        """Return the vectors of one image."""
        return TapVectors(self.origin, {layer: part[item] for layer, part in self.vectors.items()})


@dataclass(frozen=True, slots=True)
class TapsWanted:
    """What vectors must be for the active detector.

    Attributes:
        channels: of each layer that it scores; others may come along.
    """

    origin: TapOrigin
    channels: Mapping[str, int]

    def check(self, taps: TapBatch) -> None:
        """Raise unless the detector can score *taps*.

        Raises:
            EventOfOtherModel: another model, preprocessing or precision, or other layers.
        """
        differing = taps.origin.differences(self.origin)
        got = {layer: part.shape[1] for layer, part in taps.vectors.items()}
        differing += [
            f"tap {layer}: {got.get(layer, 'no')} channels != {wanted}"
            for layer, wanted in self.channels.items()
            if got.get(layer) != wanted
        ]
        if differing:
            raise EventOfOtherModel(
                "the tap vectors are not those that the active detector was fitted for, theirs != "
                f"ours: {'; '.join(differing):.800}; {self._advice(got)}",
                n_images=len(taps.images),
            )

    def _advice(self, got: Mapping[str, int]) -> str:
        if _PIXELS in self.channels and _PIXELS not in got:
            return (
                "the detector scores pixels, which are not sent: set pixels = false under [detector] "
                "and fit again"
            )
        return "attach with the model that this agent watches, or fit a detector on what is sent"


def encode_taps(
    origin: TapOrigin,
    vectors: Mapping[str, NDArray[np.floating]],
    images: Sequence[Mapping[str, str]],
    *,
    kind: str = "F16",
) -> bytes:
    """Return the value of one message.

    Args:
        vectors: layer name to ``(n, channels)``.
        images: of each image the headers that it would have alone; ``ce_id`` must be among them.
        kind: ``F16`` or ``F32``.
    """
    told = {"driftgauge.taps": VERSION, **asdict(origin), "images": json.dumps(images)}
    return save({layer: part.astype(_KINDS[kind]) for layer, part in vectors.items()}, told)


def decode_taps(value: bytes) -> TapBatch:
    """Return what is in a message's value.

    Raises:
        EventSchemaError: it is not such a message, or of a version that this agent does not read.
    """
    try:
        metadata = _header(value).get("__metadata__", {})
        version = metadata["driftgauge.taps"]
        told = {key: metadata[key] for key in ("weights", "preprocessing", "precision")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(f"its header cannot be read: {error!r:.200}") from error
    if version != VERSION:
        raise EventSchemaError(
            f"the tap vectors have version {version!r:.40}, and this agent reads {VERSION!r}; bring "
            "agent and serving process to the same driftgauge"
        )
    origin = _origin(told)
    images = _images(metadata.get("images"))
    try:
        found = deserialize(value)  # type: ignore[no-untyped-call]  # it has no types
    except (SafetensorError, ValueError, OverflowError) as error:
        raise _bad(f"{error!r:.200}") from error
    if not 1 <= len(found) <= MAX_LAYERS:
        raise _bad(f"it has {len(found)} layers, wanted 1 to {MAX_LAYERS}")
    vectors = {
        plain_text(name, "a layer's name", max_characters=MAX_ID_CHARACTERS): _matrix(
            name, view, len(images)
        )
        for name, view in found
    }
    return TapBatch(origin, vectors, images)


def _origin(told: Mapping[str, object]) -> TapOrigin:
    texts = {key: str(value) for key, value in told.items()}
    texts["preprocessing"] = _one_line(texts["preprocessing"])
    for key, text in texts.items():
        plain_text(text, f"the taps' {key}", max_characters=_MAX_ORIGIN_CHARACTERS)
    return TapOrigin(**texts)


def _one_line(text: str) -> str:
    """Return *text* with each stretch of white space as one space: transforms print on many lines."""
    return " ".join(text.split())


def _images(text: object) -> tuple[Mapping[str, str], ...]:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise _bad(f"its images cannot be read: {error!r:.200}") from error
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_IMAGES:
        raise _bad(f"it names no list of 1 to {MAX_IMAGES} images")
    for item, image in enumerate(found):
        if not isinstance(image, dict) or not all(isinstance(v, str) for v in image.values()):
            raise _bad(f"image {item} is not an object of texts")
        if not image.get("ce_id"):
            raise _bad(f"image {item} has no ce_id")
    return tuple(found)


def _matrix(name: str, view: Mapping[str, Any], n_images: int) -> NDArray[np.floating]:
    kind, shape = view["dtype"], view["shape"]
    if kind not in _KINDS or len(shape) != 2 or shape[0] != n_images or not shape[1]:  # noqa: PLR2004 - a matrix
        raise _bad(
            f"layer {name!r:.80} is {kind} {shape}, wanted F16 or F32 numbers of {n_images} images"
        )
    numbers: NDArray[np.floating] = np.frombuffer(bytes(view["data"]), _KINDS[kind])
    return numbers.reshape(shape)


def _header(value: bytes) -> dict[str, dict[str, object]]:
    length = int.from_bytes(value[:HEADER_LENGTH_BYTES], "little")
    if len(value) < HEADER_LENGTH_BYTES or length > min(MAX_HEADER_BYTES, len(value)):
        raise ValueError(f"it claims {length} bytes")
    parsed: dict[str, dict[str, object]] = json.loads(value[HEADER_LENGTH_BYTES:][:length])
    return parsed


def _bad(why: str) -> EventSchemaError:
    return EventSchemaError(f"the message claims to be tap vectors ({CONTENT_TYPE}), but {why}")
