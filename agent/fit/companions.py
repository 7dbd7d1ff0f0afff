"""Files beside a detector for those that follow: its reference's anchor, its probes, its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import CELLS, split_reference

from ..keep.shard import Shard, as_float16, decode_shard, encode_shard
from .gather import Reference
from .probing import ProbeTaps

ANCHOR, PROBES, FAULTS = (f"{name}.safetensors" for name in ("anchor", "probes", "faults"))
MOST_ANCHORED = 2000
"""Events of the first reference that are kept for ever."""

PLAIN = "plain"
"""Stands for the unchanged pictures among the names of the probes."""


def companion_files(
    reference: Reference,
    channels: Mapping[str, int],
    probes: ProbeTaps | None,
    faults: ProbeTaps | None,
) -> dict[str, bytes]:
    """Return the files by name; probes and faults are left out where there are none."""
    taps = {name: tap[torch.from_numpy(reference.rows)] for name, tap in reference.taps.items()}
    files = {ANCHOR: encode_anchor(taps, reference.window_ids, reference.segments, channels)}
    for name, changed in ((PROBES, probes), (FAULTS, faults)):
        if changed is not None:
            files[name] = encode_probes(changed, channels)
    return files


def encode_anchor(
    taps: Mapping[str, Tensor],
    window_ids: NDArray[np.int64],
    segments: Sequence[tuple[str, ...]],
    channels: Mapping[str, int],
) -> bytes:
    """Return events that calibrated a detector and did not train it, evenly over its reference.

    Args:
        taps: tap name to ``(n, channels)``, what it was fitted on.
        window_ids: ``(n,)``, not decreasing.
        segments: of each event.
    """
    parts = split_reference(window_ids)
    held_out = np.sort(np.concatenate([parts.cal_a, parts.cal_b]))
    n = min(len(held_out), MOST_ANCHORED)
    places = held_out[np.arange(n) * len(held_out) // n]
    rows = torch.from_numpy(places)
    chosen = {name: tap[rows] for name, tap in taps.items()}
    return encode_shard(_shard(chosen, channels, [segments[place] for place in places]))


def encode_probes(probes: ProbeTaps, channels: Mapping[str, int]) -> bytes:
    """Return the bytes of a file that `decode_probes` reads.

    Args:
        channels: of each tap that is kept; cells are kept beside them where they are known.
    """
    if CELLS in probes.plain:
        channels = {**channels, CELLS: probes.plain[CELLS].shape[1]}
    kinds = {PLAIN: probes.plain, **probes.probed}
    taps = {name: torch.cat([of_kind[name] for of_kind in kinds.values()]) for name in channels}
    n = len(next(iter(probes.plain.values())))
    own = probes.segments or [()] * n
    return encode_shard(_shard(taps, channels, [(kind, *names) for kind in kinds for names in own]))


def decode_probes(content: bytes) -> ProbeTaps:
    """Return what `encode_probes` was given, in half precision.

    Raises:
        KeptTapsDamaged: the bytes are not such a file.
    """
    shard = decode_shard(content)
    kinds = np.array([names[0] for names in shard.segments])
    taps = split_taps(shard)
    by_kind = {
        str(kind): {name: tap[torch.from_numpy(kinds == kind)] for name, tap in taps.items()}
        for kind in dict.fromkeys(kinds.tolist())
    }
    plain = by_kind.pop(PLAIN)
    return ProbeTaps(plain, by_kind, [names[1:] for names in shard.segments if names[0] == PLAIN])


def split_taps(shard: Shard) -> dict[str, Tensor]:
    """Return each tap, ``(n, channels)``, float32."""
    joined = torch.from_numpy(shard.taps).float()
    parts = torch.split(joined, list(shard.channels.values()), dim=1)
    return dict(zip(shard.channels, parts, strict=True))


def _shard(
    taps: Mapping[str, Tensor], channels: Mapping[str, int], segments: list[tuple[str, ...]]
) -> Shard:
    joined = torch.cat([taps[name].float().cpu() for name in channels], dim=1).numpy()
    n = len(segments)
    return Shard(
        channels=dict(channels),
        taps=as_float16(joined),
        p_values=np.ones(n, np.float32),
        times=np.zeros(n, np.int64),
        segments=segments,
        places=np.zeros((n, 3), np.int64),
    )
