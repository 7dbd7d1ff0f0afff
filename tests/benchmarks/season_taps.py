"""Taps of every frame of a camera, read once and kept in build/."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from driftgauge.agent.fit.companions import PLAIN
from driftgauge.agent.fit.fit import choose_taps
from driftgauge.agent.fit.probing import ProbeTaps
from driftgauge.agent.keep.shard import as_float16
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.reader import LayerReader
from driftgauge.agent.model.scorer import joined_taps
from driftgauge.detector import FAULTS, PROBES, damage_image, probe_image, select_layers

NAME = "keio_river"
BATCH = 16
Picture = NDArray[np.uint8]
Change = Callable[[Picture, int], Picture]
"""What is done to a picture, and the number that decides how."""


def read_season(
    folder: Path, cache: Path, name: str = NAME
) -> tuple[dict[str, int], NDArray[np.float16]]:
    """Return channels by tap and the taps of each frame, ``(frames, channels)``."""
    if not cache.exists():
        channels, taps = _read_all(folder, name)
        cache.parent.mkdir(parents=True, exist_ok=True)
        names, widths = list(channels), list(channels.values())
        np.savez(cache, taps=taps, names=np.array(names), widths=np.array(widths))
    stored = np.load(cache)
    names = [str(name) for name in stored["names"]]
    return dict(zip(names, stored["widths"].tolist(), strict=True)), stored["taps"]


def season_reader() -> LayerReader:
    """Return the model with its taps."""
    loaded = load_model(
        source=None, factory="driftgauge.agent.demo.lite0:build_lite0", image_size=160
    )
    sample = loaded.transform(Image.new("RGB", (256, 256)))[None]
    layers = select_layers(loaded.model, sample)
    layouts = LayerReader(loaded, layers).try_out().layouts
    return LayerReader(loaded, choose_taps(layouts, None, has_pixels=True))


def _read_all(folder: Path, name: str) -> tuple[dict[str, int], NDArray[np.float16]]:
    reader = season_reader()
    pictures, parts, channels = frames(folder, name), [], dict[str, int]()
    while batch := list(islice(pictures, BATCH)):
        taps = reader.read(batch).taps
        channels = {name: tap.shape[1] for name, tap in taps.items()}
        parts.append(as_float16(joined_taps(taps)))
    return channels, np.concatenate(parts)


def frames(folder: Path, name: str = NAME) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures in the order of time."""
    with zipfile.ZipFile(folder / f"{name}.zip") as archive:
        for file in sorted(n for n in archive.namelist() if n.endswith(".jpg")):
            yield np.asarray(Image.open(io.BytesIO(archive.read(file))).convert("RGB"))


def frame_times(folder: Path, name: str = NAME) -> list[datetime]:
    """Return when each frame was taken."""
    with zipfile.ZipFile(folder / f"{name}.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read("frames.csv").decode())))
    return [datetime.fromisoformat(row[1]) for row in rows[1:]]


def read_probe_taps(folder: Path, cache: Path, rows: NDArray[np.int64]) -> ProbeTaps:
    """Return the taps of some frames, plain and with each known change."""
    changes = {kind: partial(_probed, kind) for kind in PROBES}
    return _changed(folder, cache, rows, changes, NAME)


def read_fault_taps(
    folder: Path, cache: Path, rows: NDArray[np.int64], camera: str, name: str = NAME
) -> ProbeTaps:
    """Return the taps of some frames, plain and with each fault that has a name."""
    changes = {kind: partial(_damaged, kind) for kind in FAULTS}
    found = _changed(folder, cache, rows, changes, name)
    return replace(found, segments=[(camera,)] * len(rows))


def _probed(kind: str, image: Picture, number: int) -> Picture:
    return probe_image(image, kind, seed=number)


def _damaged(kind: str, image: Picture, number: int) -> Picture:
    return damage_image(image, kind, seed=number)


def _changed(
    folder: Path,
    cache: Path,
    rows: NDArray[np.int64],
    changes: Mapping[str, Change],
    name: str,
) -> ProbeTaps:
    if not cache.exists():
        pictures = dict(enumerate(frames(folder, name)))
        taps = _read_changed([pictures[row] for row in rows.tolist()], rows, changes)
        cache.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {f"{kind}|{name}": tap for (kind, name), tap in taps.items()}
        np.savez(cache, **arrays)
    kinds: dict[str, dict[str, Tensor]] = {}
    stored = np.load(cache)
    for key in stored.files:
        kind, name = key.split("|")
        kinds.setdefault(kind, {})[name] = torch.from_numpy(stored[key])
    return ProbeTaps(kinds.pop(PLAIN), kinds)


def read_span_with_faults(
    folder: Path, cache: Path, name: str, rows: range, seeds: Sequence[int]
) -> dict[str, NDArray[np.float16]]:
    """Return the taps of frames in a row with each fault, the same on each, at a strength a seed."""
    if not cache.exists():
        reader = season_reader()
        images = [one for row, one in enumerate(frames(folder, name)) if row in rows]
        arrays: dict[str, Any] = {}
        for kind in FAULTS:
            for seed in seeds:
                changed = [_damaged(kind, image, seed) for image in images]
                parts = [
                    as_float16(joined_taps(reader.read(changed[n : n + BATCH]).taps))
                    for n in range(0, len(changed), BATCH)
                ]
                arrays[f"{kind} {seed}"] = np.concatenate(parts)
        np.savez(cache, **arrays)
    stored = np.load(cache)
    return {key: stored[key] for key in stored.files}


def _read_changed(
    images: Sequence[Picture], rows: NDArray[np.int64], changes: Mapping[str, Change]
) -> dict[tuple[str, str], NDArray[np.float32]]:
    reader = season_reader()
    kinds = {PLAIN: images} | {
        kind: [change(image, number) for number, image in zip(rows.tolist(), images, strict=True)]
        for kind, change in changes.items()
    }
    found = {}
    for kind, changed in kinds.items():
        parts = [reader.read(changed[n : n + BATCH]).taps for n in range(0, len(changed), BATCH)]
        for name in parts[0]:
            found[kind, name] = torch.cat([part[name] for part in parts]).numpy()
    return found
