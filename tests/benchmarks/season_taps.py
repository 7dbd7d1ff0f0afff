"""Taps of every frame of one camera, read once and kept in build/."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
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
from driftgauge.detector import PROBES, probe_image, select_layers

NAME = "keio_river"
BATCH = 16


def read_season(folder: Path, cache: Path) -> tuple[dict[str, int], NDArray[np.float16]]:
    """Return channels by tap and the taps of each frame, ``(frames, channels)``."""
    if not cache.exists():
        channels, taps = _read_all(folder)
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


def _read_all(folder: Path) -> tuple[dict[str, int], NDArray[np.float16]]:
    reader = season_reader()
    pictures, parts, channels = frames(folder), [], dict[str, int]()
    while batch := list(islice(pictures, BATCH)):
        taps = reader.read(batch).taps
        channels = {name: tap.shape[1] for name, tap in taps.items()}
        parts.append(as_float16(joined_taps(taps)))
    return channels, np.concatenate(parts)


def frames(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures in the order of time."""
    with zipfile.ZipFile(folder / f"{NAME}.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".jpg")):
            yield np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))


def frame_times(folder: Path) -> list[datetime]:
    """Return when each frame was taken."""
    with zipfile.ZipFile(folder / f"{NAME}.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read("frames.csv").decode())))
    return [datetime.fromisoformat(row[1]) for row in rows[1:]]


def read_probe_taps(folder: Path, cache: Path, rows: NDArray[np.int64]) -> ProbeTaps:
    """Return the taps of some frames, plain and with each known change."""
    if not cache.exists():
        taps = _read_probed(folder, rows)
        cache.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {f"{kind}|{name}": tap for (kind, name), tap in taps.items()}
        np.savez(cache, **arrays)
    kinds: dict[str, dict[str, Tensor]] = {}
    stored = np.load(cache)
    for key in stored.files:
        kind, name = key.split("|")
        kinds.setdefault(kind, {})[name] = torch.from_numpy(stored[key])
    return ProbeTaps(kinds.pop(PLAIN), kinds)


def _read_probed(
    folder: Path, rows: NDArray[np.int64]
) -> dict[tuple[str, str], NDArray[np.float32]]:
    by_row = dict(enumerate(frames(folder)))
    images, reader = [by_row[row] for row in rows.tolist()], season_reader()
    kinds = {PLAIN: images} | {
        kind: [probe_image(image, kind, seed=n) for n, image in enumerate(images)]
        for kind in PROBES
    }
    found = {}
    for kind, changed in kinds.items():
        taps = [reader.read(changed[n : n + BATCH]).taps for n in range(0, len(changed), BATCH)]
        for name in taps[0]:
            found[kind, name] = torch.cat([part[name] for part in taps]).numpy()
    return found
