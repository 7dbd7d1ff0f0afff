"""The benchmark's image packs, and their taps, extracted once and kept in build/benchmarks/taps."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from driftgauge.agent.fit.fit import choose_taps
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.scorer import LayerReader
from driftgauge.detector import (
    PIXELS,
    describe_layers,
    layer_of,
    select_layers,
    with_roughness,
)
from driftgauge.detector.probes import PROBES, probe_image
from driftgauge.detector.roughness import LEAST_PLACES

from .corruptions import CORRUPTIONS, STRENGTHS, corrupt

Images = NDArray[np.uint8]
Taps = dict[str, Tensor]
CACHE = Path("build/benchmarks/taps")
BATCH = 16


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference and what is told apart from it.

    Attributes:
        train: pack and rows that detectors are fitted, calibrated and probed on.
        test: pack and rows of fresh normal images.
        corrupted: rows of the test pack that are corrupted, apart from *test*.
        content: name to pack and rows of pictures of something else.
        image_size: side of the model's input.
    """

    name: str
    train: tuple[str, range]
    test: tuple[str, range]
    corrupted: range
    content: Mapping[str, tuple[str, range]]
    image_size: int


REFERENCES = (
    Reference(
        name="CIFAR-10",
        train=("cifar10_train20k", range(20_000)),
        test=("cifar10_test", range(4_000)),
        corrupted=range(4_000, 4_400),
        content={
            "CIFAR-100": ("cifar100_test5k", range(3_000)),
            "street characters": ("streetchars32_3k", range(2_000)),
            "scenes": ("scenes32_3k", range(2_000)),
            "DTD": ("dtd32_1200", range(1_200)),
            "tiny ImageNet (JPEG)": ("tinyimagenet32_val3k_jpeg", range(2_000)),
        },
        image_size=128,
    ),
    Reference(
        name="Fashion-MNIST",
        train=("fashion_train10k", range(10_000)),
        test=("fashion_test5k", range(2_000)),
        corrupted=range(0),
        content={"MNIST": ("mnist5k", range(2_000))},
        image_size=112,
    ),
    Reference(
        name="Imagenette",
        train=("photo_imagenette_train2k", range(2_000)),
        test=("photo_imagenette_val1k", range(800)),
        corrupted=range(800, 1_000),
        content={
            "other ImageNet classes": ("photo_imagenet_other990", range(990)),
            "flowers": ("photo_flowers400", range(400)),
            "DTD": ("photo_dtd500", range(500)),
        },
        image_size=160,
    ),
)
RIVALS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "deviation": lambda maps: maps.std(dim=(2, 3), correction=0),
    "maximum": lambda maps: maps.amax(dim=(2, 3)),
}
"""Moments that others pool and driftgauge does not."""
PROBED = 300
"""Reference images that every probe is put on."""


class Extractor:
    """Reads packs through the real model; each set of taps is computed once.

    Args:
        folder: of the packs and of ``packio.py``, which reads them.
    """

    def __init__(self, folder: Path, image_size: int) -> None:
        self._folder = folder
        self._loaded = load_model(
            source=None, factory="driftgauge.agent.demo.lite0:build_lite0", image_size=image_size
        )
        sample = torch.zeros(1, 3, image_size, image_size)
        self.layers = select_layers(self._loaded.model, sample, with_finest=True)
        layouts = describe_layers(self._loaded.model, self.layers, sample)
        rough = [name for name, layout in layouts.items() if layout.n_positions >= LEAST_PLACES]
        both = with_roughness(self.layers)
        taps = (PIXELS, *(t for t in both if t == layer_of(t) or layer_of(t) in rough))
        chosen = select_layers(self._loaded.model, sample)
        self.default_taps = choose_taps(
            describe_layers(self._loaded.model, chosen, sample), None, has_pixels=True
        )
        self._reader = LayerReader(self._loaded, taps)
        self._rivals: Taps = {}
        for layer in self.layers:
            self._loaded.model.get_submodule(layer).register_forward_hook(self._note(layer))
        self._names = (*taps, *(f"{layer}~{kind}" for layer in self.layers for kind in RIVALS))
        self._key = repr((self._loaded.identity, self._names))

    def taps(
        self, pack: str, rows: Sequence[int], change: tuple[str, Callable[[Images, int], Images]]
    ) -> Taps:
        """Return the taps of changed images; *change* is its name and ``(image, row) -> image``."""
        name, apply = change
        key = hashlib.sha256(f"{self._key}{pack}{list(rows)}{name}".encode()).hexdigest()[:16]
        path = CACHE / f"{key}.safetensors"
        if not path.exists():
            images = load_images(self._folder, pack)
            title = f"{pack} {name}".strip()
            changed = (apply(images[row], row) for row in rows)
            taps = self._read(changed, len(rows), title)
            CACHE.mkdir(parents=True, exist_ok=True)
            save_file(taps, path)
        found = load_file(path)
        return {name: found[name] for name in self._names}

    def _note(self, layer: str) -> Callable[[nn.Module, object, Tensor], None]:
        """Return a hook that keeps the moments which others pool."""

        def note(module: nn.Module, inputs: object, output: Tensor) -> None:
            for kind, pool in RIVALS.items():
                self._rivals[f"{layer}~{kind}"] = pool(output.float())

        return note

    def _read(self, images: Iterator[Images], n: int, title: str) -> Taps:
        shown = iter(track(images, description=title, total=n))
        batches = iter(lambda: list(islice(shown, BATCH)), [])
        parts = [self._reader.read(batch).taps | self._rivals for batch in batches]
        return {
            name: torch.cat([part[name] for part in parts]).contiguous() for name in self._names
        }


@dataclass(frozen=True, slots=True)
class Material:
    """Taps of one reference: what is normal, and all that is not.

    Attributes:
        probes: kind to taps of changed training images, the rows of *probed*.
        default_taps: those that `fit` takes; the others are of stages and moments that it leaves out.
    """

    train: Taps
    probed: Sequence[int]
    probes: Mapping[str, Taps]
    test: Taps
    content: Mapping[str, Taps]
    corruptions: Mapping[tuple[str, int], Taps]
    default_taps: Sequence[str]


def shortened(reference: Reference, share: float) -> Reference:
    """Return *reference* with so much of each set, and of each probe's pictures as before."""

    def part(rows: range) -> range:
        return rows[: round(share * len(rows))]

    return replace(
        reference,
        train=(reference.train[0], part(reference.train[1])),
        test=(reference.test[0], part(reference.test[1])),
        corrupted=part(reference.corrupted),
        content={name: (pack, part(rows)) for name, (pack, rows) in reference.content.items()},
    )


def gather(reference: Reference, folder: Path) -> Material:
    """Return all taps of *reference*, from the cache where they are there."""
    extractor = Extractor(folder, reference.image_size)
    pack, rows = reference.train
    probed = rows[:: len(rows) // PROBED][:PROBED]
    test_pack = reference.test[0]
    return Material(
        train=extractor.taps(pack, rows, PLAIN),
        probed=probed,
        probes={kind: extractor.taps(pack, probed, _probe(kind)) for kind in PROBES},
        test=extractor.taps(*reference.test, PLAIN),
        content={n: extractor.taps(*where, PLAIN) for n, where in reference.content.items()},
        corruptions={
            (kind, strength): extractor.taps(
                test_pack, reference.corrupted, _corruption(kind, strength)
            )
            for kind in CORRUPTIONS
            for strength in STRENGTHS
            if reference.corrupted
        },
        default_taps=extractor.default_taps,
    )


PLAIN: tuple[str, Callable[[Images, int], Images]] = ("", lambda image, row: image)


def _probe(kind: str) -> tuple[str, Callable[[Images, int], Images]]:
    return f"probe {kind}", lambda image, row: probe_image(image, kind, seed=row)


def _corruption(kind: str, strength: int) -> tuple[str, Callable[[Images, int], Images]]:
    return f"{kind} {strength}", lambda image, row: corrupt(image, kind, strength, seed=row)


@lru_cache(maxsize=1)
def load_images(folder: Path, pack: str) -> Images:
    """Return a pack's images as RGB, ``(n, height, width, 3)``."""
    packio = _packio(folder)
    images, _, _ = packio.load(folder / f"{pack}.npz")
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    return np.asarray(images)


def _packio(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("packio", folder / "packio.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder} holds no packio.py, which reads the packs")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
