"""One file of taps: events of one run of windows, in safetensors, float16."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..errors import KeptTapsDamaged

FORMAT = 1
LARGEST = float(np.finfo(np.float16).max)
_HEADER_BYTES = 8
_ABOUT = "about"
_TENSORS = frozenset({"taps", "p_values", "times", "segments", "places"})
_DAMAGE = (SafetensorError, ValueError, KeyError, TypeError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class Shard:
    """Events with their taps.

    Attributes:
        channels: tap name to channels, in the order of the columns of *taps*.
        taps: ``(n, channels)``, float16; what is larger than it holds is at its largest.
        p_values: ``(n,)``, float32: combined, when they were scored.
        times: ``(n,)``, event times, microseconds since 1970.
        segments: of each event, besides ``*``; the first chose its run.
        places: ``(n, 3)``: partition, offset and item of the record.
    """

    channels: Mapping[str, int]
    taps: NDArray[np.float16]
    p_values: NDArray[np.float32]
    times: NDArray[np.int64]
    segments: Sequence[tuple[str, ...]]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many events it has."""
        return len(self.times)


def as_float16(taps: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return taps in half precision; what it cannot hold becomes its largest number."""
    return np.clip(taps, -LARGEST, LARGEST).astype(np.float16)


def encode_shard(shard: Shard) -> bytes:
    """Return the bytes of a file."""
    kinds = {names: number for number, names in enumerate(dict.fromkeys(shard.segments))}
    about = {
        "format": FORMAT,
        "channels": dict(shard.channels),
        "segments": [list(names) for names in kinds],
    }
    tensors: dict[str, NDArray[Any]] = {
        "taps": shard.taps,
        "p_values": shard.p_values,
        "times": shard.times,
        "segments": np.array([kinds[names] for names in shard.segments], np.int32),
        "places": shard.places,
    }
    # One entry: safetensors writes several in any order, and equal events must have equal bytes.
    return bytes(save(tensors, {_ABOUT: json.dumps(about)}))


def decode_shard(content: bytes) -> Shard:
    """Return what `encode_shard` was given.

    Raises:
        KeptTapsDamaged: the bytes are not such a file.
    """
    try:
        length = int.from_bytes(content[:_HEADER_BYTES], "little")
        header = json.loads(content[_HEADER_BYTES : _HEADER_BYTES + length])
        about = json.loads(header["__metadata__"][_ABOUT])
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}, wanted {FORMAT}")
        tensors = load(content)
        kinds = [tuple(names) for names in about["segments"]]
        shard = Shard(
            channels=about["channels"],
            segments=[kinds[number] for number in tensors["segments"].tolist()],
            **{name: tensors[name] for name in _TENSORS - {"segments"}},
        )
        n, width = shard.taps.shape
        if width != sum(shard.channels.values()) or n != len(shard) or n != len(shard.segments):
            raise ValueError(f"taps of shape {shard.taps.shape} do not match its other parts")
    except _DAMAGE as error:
        raise KeptTapsDamaged(f"a file of kept taps cannot be read: {error}") from error
    return shard


def join_shards(shards: Sequence[Shard]) -> Shard:
    """Return one shard of all events in the order of time; the taps must have the same channels."""
    times = np.concatenate([shard.times for shard in shards])
    order = np.argsort(times, kind="stable")
    segments = [names for shard in shards for names in shard.segments]
    return Shard(
        channels=shards[0].channels,
        taps=np.concatenate([shard.taps for shard in shards])[order],
        p_values=np.concatenate([shard.p_values for shard in shards])[order],
        times=times[order],
        segments=[segments[row] for row in order],
        places=np.concatenate([shard.places for shard in shards])[order],
    )
