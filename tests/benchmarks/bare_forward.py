"""What the agent is measured against: decoding and the bare model, with nothing around them."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.model import build_model

MOST_PIXELS = 50_000_000


class BareForward:
    """Decoding in threads and the bare model, as fast as it goes: nothing is tapped or counted.

    Two batches are decoded ahead, as in the agent: whoever reads a stream cannot decode its end first.

    Args:
        transforms_in_threads: do there the transform, too, as the agent does; else beside the model.
    """

    def __init__(
        self, settings: Settings, *, batch: int, transforms_in_threads: bool, threads: int = 2
    ) -> None:
        self._loaded = build_model(settings)
        self._batch = batch
        self._in_threads = transforms_in_threads
        self._threads = ThreadPoolExecutor(threads)

    def seconds(self, values: Sequence[bytes], n: int) -> float:
        """Return how long *n* images take from bytes to the model's output."""
        chosen = [values[number % len(values)] for number in range(n)]
        began = time.perf_counter()
        coming = iter(chosen)
        ahead = deque(self._submit(coming, 2 * self._batch))
        while ahead:
            found = [ahead.popleft().result() for _ in range(min(self._batch, len(ahead)))]
            ahead.extend(self._submit(coming, self._batch))
            self._forward(found if self._in_threads else [self._transform(one) for one in found])
        return time.perf_counter() - began

    def _submit(self, coming: Iterator[bytes], n: int) -> list[Future[Any]]:
        return [self._threads.submit(self._in_thread, value) for value in islice(coming, n)]

    def _in_thread(self, value: bytes) -> Any:
        image = decode_image(value, ImageSettings(max_pixels=MOST_PIXELS))
        return self._transform(image) if self._in_threads else image

    def _transform(self, image: NDArray[np.uint8]) -> torch.Tensor:
        made: torch.Tensor = self._loaded.transform(Image.fromarray(image))
        return made

    @torch.inference_mode()
    def _forward(self, inputs: list[torch.Tensor]) -> None:
        batch = torch.stack(inputs).to(self._loaded.device)
        self._loaded.model(batch.contiguous(memory_format=torch.channels_last))


class PlainScript:
    """A bare forward pass in a process of its own, which nobody has tuned: how most people run one."""

    def __init__(self, settings: Settings, *, batch: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._process = ProcessPoolExecutor(1, spawn, _begin_script, (settings, batch))

    def seconds(self, values: Sequence[bytes], n: int) -> float:
        """Return how long *n* images take from bytes to the model's output."""
        return self._process.submit(_run_script, values, n).result()

    def close(self) -> None:
        self._process.shutdown()


_script: list[BareForward] = []


def _begin_script(settings: Settings, batch: int) -> None:
    _script.append(BareForward(settings, batch=batch, transforms_in_threads=False))


def _run_script(values: Sequence[bytes], n: int) -> float:
    return _script[0].seconds(values, n)
