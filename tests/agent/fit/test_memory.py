"""A reference that is much larger than what fitting on it may take of memory."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from driftgauge.agent.fit.example import Example
from driftgauge.agent.fit.gather import gather_reference
from driftgauge.agent.fit.tap_store import open_until_done
from driftgauge.agent.model.reader import ReadLayers
from driftgauge.detector import Preset, fit_detector

N_IMAGES = 150_000
CHANNELS = {"first": 300, "last": 100}
ALL_TAPS_BYTES = 4 * N_IMAGES * sum(CHANNELS.values())
STATUS = Path("/proc/self/status")


class Dice:
    """Gives every image taps of its own, as a model would that has them all from its weights."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(0)

    def prepare(self, image: object) -> object:
        return image

    def read(self, images: Sequence[object]) -> ReadLayers:
        taps = {
            layer: torch.rand(len(images), width, generator=self._generator)
            for layer, width in CHANNELS.items()
        }
        return ReadLayers(taps)


def memory_bytes() -> int:
    """Return what this process holds itself; pages of mapped files are the kernel's to take."""
    (line,) = (one for one in STATUS.read_text().splitlines() if one.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


@contextmanager
def growth() -> Iterator[list[int]]:
    """Give a list whose only number is by how many bytes memory has grown at most so far."""
    before, most, done = memory_bytes(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], memory_bytes() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux's /proc")
def test_neither_gathering_nor_fitting_holds_all_taps(tmp_path: Path) -> None:
    picture = np.zeros((1, 1, 3), np.uint8)
    examples = (Example(picture, ("camera=1",), number=N_IMAGES - k) for k in range(N_IMAGES))
    with growth() as grown, open_until_done(tmp_path / "taps") as store:
        reference = gather_reference(
            examples,
            Dice(),  # type: ignore[arg-type]  # reads like the model's
            store,
            batch=256,
            window_seconds=60,
            on_images=lambda n: None,
        )
        fit_detector(
            reference.taps,
            window_ids=reference.window_ids,
            segments=reference.segments,
            preset=Preset(method="mahalanobis"),
            rows=reference.rows,
            max_train=3000,
        )
    assert grown[0] < ALL_TAPS_BYTES / 2


class Weigher(Dice):
    """Notes what pictures and inputs weigh together when a batch of them is read."""

    def __init__(self) -> None:
        super().__init__()
        self.most_bytes = 0

    def prepare(self, image: object) -> object:
        assert isinstance(image, np.ndarray)
        return image[:224, :224].copy()

    def read(self, images: Sequence[object]) -> ReadLayers:
        self.most_bytes = max(self.most_bytes, tracemalloc.get_traced_memory()[0])
        return super().read(images)


def test_a_batch_of_large_pictures_waits_small(tmp_path: Path) -> None:
    n, pixel_bytes = 64, 2000 * 3000 * 3
    reader = Weigher()
    examples = (
        Example(np.full((2000, 3000, 3), number, np.uint8), (), number=number)
        for number in range(n)
    )
    tracemalloc.start()
    try:
        with open_until_done(tmp_path / "taps") as store:
            gather_reference(
                examples,
                reader,  # type: ignore[arg-type]  # reads like the model's
                store,
                batch=n,
                window_seconds=60,
                on_images=lambda _: None,
            )
    finally:
        tracemalloc.stop()
    assert n * 224 * 224 * 3 < reader.most_bytes < n * pixel_bytes / 10
