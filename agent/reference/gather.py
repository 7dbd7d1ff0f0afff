"""Runs reference images through the model and keeps their taps, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import ReferenceTooSmall

from ..events.segment import PREDICTED_CLASS
from ..model.scorer import LayerReader
from .coverage import Coverage, measure_coverage
from .example import Example
from .pictures import PictureReservoir

UNTIMED_WINDOW = 16
"""Images that make a window where the reference has no times."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Taps of normal images in the order of time.

    Attributes:
        taps: layer name to ``(n, channels)``.
        window_ids: ``(n,)``, not decreasing.
        segments: of each image, besides the pool.
        pictures: a few of the images, by row; see `PictureReservoir`.
    """

    taps: dict[str, Tensor]
    window_ids: NDArray[np.int64]
    segments: list[tuple[str, ...]]
    coverage: Coverage
    pictures: dict[int, NDArray[np.uint8]]


@dataclass(slots=True)
class _Gathered:
    taps: list[dict[str, Tensor]] = field(default_factory=list)
    times: list[datetime | None] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    segments: list[tuple[str, ...]] = field(default_factory=list)
    pictures: PictureReservoir = field(default_factory=lambda: PictureReservoir(0))


def gather_reference(
    examples: Iterable[Example],
    reader: LayerReader,
    *,
    batch: int,
    window_seconds: int,
    on_images: Callable[[int], None],
    class_name: Callable[[int], str] | None = None,
    keep_pictures: int = 0,
) -> Reference:
    """Read every example; only taps stay in memory.

    Args:
        examples: normal images, in any order.
        reader: the production model with its taps.
        batch: images a forward pass takes.
        window_seconds: of event time; without times `UNTIMED_WINDOW` images make a window.
        on_images: called with the number of images done since the last call.
        class_name: names the class that the model gives an image; None has no such segments.
        keep_pictures: how many images to keep beside the taps, drawn at random.

    Raises:
        ReferenceTooSmall: there are none.
    """
    gathered = _Gathered(pictures=PictureReservoir(keep_pictures))
    waiting: list[Example] = []
    for example in examples:
        waiting.append(example)
        if len(waiting) == batch:
            _read(waiting, reader, gathered, class_name)
            on_images(len(waiting))
            waiting = []
    if waiting:
        _read(waiting, reader, gathered, class_name)
        on_images(len(waiting))
    if not gathered.times:
        raise ReferenceTooSmall("the reference has no image that could be decoded")
    return _in_time(gathered, window_seconds)


def _read(
    examples: list[Example],
    reader: LayerReader,
    gathered: _Gathered,
    class_name: Callable[[int], str] | None,
) -> None:
    taps = reader.read([example.taps or example.image for example in examples])
    gathered.taps.append({layer: tap.clone() for layer, tap in taps.items()})
    for number, example in enumerate(examples, start=len(gathered.times)):
        if example.taps is None:
            gathered.pictures.offer(number, example.image)
    gathered.times += [example.taken_at for example in examples]
    gathered.numbers += [example.number for example in examples]
    classes = reader.predicted if class_name is not None else None
    for row, example in enumerate(examples):
        segments = example.segments
        number = -1 if classes is None else int(classes[row])
        if class_name is not None and number >= 0 and not _has_class(segments):
            segments = (*segments, f"{PREDICTED_CLASS}={class_name(number)}")
        gathered.segments.append(segments)


def _has_class(segments: tuple[str, ...]) -> bool:
    return any(segment.startswith(f"{PREDICTED_CLASS}=") for segment in segments)


def _in_time(gathered: _Gathered, window_seconds: int) -> Reference:
    if all(gathered.times):
        seconds = [moment.timestamp() for moment in gathered.times if moment]
        windows = [int(second // window_seconds) for second in seconds]
        order = sorted(range(len(seconds)), key=seconds.__getitem__)
    else:
        windows = [number // UNTIMED_WINDOW for number in gathered.numbers]
        order = sorted(range(len(windows)), key=gathered.numbers.__getitem__)
    rows = torch.tensor(order)
    return Reference(
        taps={
            layer: torch.cat([part[layer] for part in gathered.taps])[rows]
            for layer in gathered.taps[0]
        },
        window_ids=np.array([windows[row] for row in order], dtype=np.int64),
        segments=[gathered.segments[row] for row in order],
        coverage=measure_coverage(gathered.times, gathered.segments),
        pictures=_by_row(gathered.pictures.kept, order),
    )


def _by_row(kept: dict[int, NDArray[np.uint8]], order: list[int]) -> dict[int, NDArray[np.uint8]]:
    return {row: kept[number] for row, number in enumerate(order) if number in kept}
