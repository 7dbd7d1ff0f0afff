"""Tap vectors on the wire: one image's pooled layers, sent by a hook in the serving process.

The value is a safetensors file, so that it describes itself and nothing in it can run: one vector
``(channels,)`` a layer, float16 or float32, and in its metadata the format's version and what the
vectors come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from ..errors import EventSchemaError, EventUnscorable

CONTENT_TYPE = "application/vnd.driftgauge.taps"
VERSION = "1"
HEADER_LENGTH_BYTES = 8
MAX_HEADER_BYTES = 64 * 1024
MAX_LAYERS = 256

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

    def differences(self, other: TapOrigin) -> list[str]:
        """Return a line for each thing in which *other* differs, ours first."""
        mine, theirs = asdict(self), asdict(other)
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
class TapsWanted:
    """What vectors must be for the active detector.

    Attributes:
        channels: of each layer that it scores; others may come along.
    """

    origin: TapOrigin
    channels: Mapping[str, int]

    def check(self, taps: TapVectors) -> None:
        """Raise unless the detector can score *taps*.

        Raises:
            EventUnscorable: another model, preprocessing or precision, or other layers.
        """
        differing = taps.origin.differences(self.origin)
        got = {layer: len(vector) for layer, vector in taps.vectors.items()}
        differing += [
            f"layer {layer}: {got.get(layer, 'no')} channels != {wanted}"
            for layer, wanted in self.channels.items()
            if got.get(layer) != wanted
        ]
        if differing:
            raise EventUnscorable(
                "the tap vectors are not those that the active detector was fitted for, theirs != "
                f"ours: {'; '.join(differing):.800}; attach with the model that this agent watches, "
                "or fit a detector on what is sent"
            )


class TapEncoder:
    """Writes vectors of one shape and origin; the head of the message is made once.

    Args:
        channels: of each layer.
        kind: ``F16`` or ``F32``.
    """

    def __init__(
        self, origin: TapOrigin, channels: Mapping[str, int], *, kind: str = "F16"
    ) -> None:
        self._kind = _KINDS[kind]
        empty = {layer: np.zeros(n, self._kind) for layer, n in channels.items()}
        whole = save(empty, {"driftgauge.taps": VERSION, **asdict(origin)})
        n_bytes = sum(channels.values()) * self._kind.itemsize
        self._head = whole[: len(whole) - n_bytes]
        self.order = _order(whole)

    def encode(self, vectors: Mapping[str, NDArray[np.floating]]) -> list[bytes]:
        """Return the values of *n* messages.

        Args:
            vectors: layer name to ``(n, channels)``.
        """
        rows = np.concatenate([vectors[layer] for layer in self.order], axis=1)
        return [self._head + row.tobytes() for row in rows.astype(self._kind)]


def decode_taps(value: bytes) -> TapVectors:
    """Return the vectors in a message's value.

    Raises:
        EventSchemaError: it is no such message, or of a version that this agent does not read.
    """
    try:
        metadata = _header(value).get("__metadata__", {})
        version = metadata["driftgauge.taps"]
        origin = TapOrigin(
            *(str(metadata[key]) for key in ("weights", "preprocessing", "precision"))
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(f"its header cannot be read: {error!r:.200}") from error
    if version != VERSION:
        raise EventSchemaError(
            f"the tap vectors have version {version!r:.40}, and this agent reads {VERSION!r}; bring "
            "agent and serving process to the same driftgauge"
        )
    try:
        found = deserialize(value)  # type: ignore[no-untyped-call]  # it has no types
    except (SafetensorError, ValueError, OverflowError) as error:
        raise _bad(f"{error!r:.200}") from error
    if not 1 <= len(found) <= MAX_LAYERS:
        raise _bad(f"it has {len(found)} layers, wanted 1 to {MAX_LAYERS}")
    return TapVectors(origin, {name: _vector(name, view) for name, view in found})


def _vector(name: str, view: Mapping[str, object]) -> NDArray[np.floating]:
    kind, shape, data = view["dtype"], view["shape"], view["data"]
    if kind not in _KINDS or not isinstance(shape, list) or len(shape) != 1 or not shape[0]:
        raise _bad(f"layer {name!r:.80} is {kind} {shape}, wanted a vector of F16 or F32")
    vector: NDArray[np.floating] = np.frombuffer(bytes(data), _KINDS[str(kind)])  # type: ignore[call-overload]  # safetensors gives bytes
    return vector


def _header(value: bytes) -> dict[str, dict[str, object]]:
    length = int.from_bytes(value[:HEADER_LENGTH_BYTES], "little")
    if len(value) < HEADER_LENGTH_BYTES or length > min(MAX_HEADER_BYTES, len(value)):
        raise ValueError(f"it claims {length} bytes")
    parsed: dict[str, dict[str, object]] = json.loads(value[HEADER_LENGTH_BYTES:][:length])
    return parsed


def _order(value: bytes) -> tuple[str, ...]:
    """Return the layers in the order in which their numbers stand."""
    found = {
        name: entry["data_offsets"] for name, entry in _header(value).items() if "shape" in entry
    }
    begins = {name: offsets[0] for name, offsets in found.items() if isinstance(offsets, list)}
    return tuple(sorted(begins, key=begins.__getitem__))


def _bad(why: str) -> EventSchemaError:
    return EventSchemaError(f"the message claims to be tap vectors ({CONTENT_TYPE}), but {why}")
