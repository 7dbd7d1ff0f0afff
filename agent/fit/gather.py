"""Runs reference images through the model, and puts their taps in the order of time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import Layout, ReferenceTooSmall

from ..errors import SettingsError
from ..events.segment import PREDICTED_CLASS
from ..log import action
from ..model.reader import LayerReader
from ..model.user_code import describe_error
from .coverage import Coverage, measure_coverage
from .example import Example
from .pictures import PictureReservoir, is_large, shrunk_copy
from .tap_store import NO_CLASS, TapStore

log = logging.getLogger(__name__)

_MOST_REFUSED = 8
UNTIMED_WINDOW = 16
"""Images that make a window where the reference has no times."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Taps of normal images.

    Attributes:
        taps: layer name to ``(stored, channels)``, memory-mapped.
        rows: ``(n,)``: where in *taps* each image's lie, in the order of time.
        window_ids: ``(n,)``, not decreasing.
        segments: of each image, besides the pool.
        classes: that the model predicts, by name; None where there is none.
        confidences: ``(n,)`` of these predictions; NaN where one is not known.
        pictures: a few of the images, by place in time; see `PictureReservoir`.
        layouts: what the axes of each layer's output mean; empty where no image was read.
    """

    taps: dict[str, Tensor]
    rows: NDArray[np.int64]
    window_ids: NDArray[np.int64]
    segments: list[tuple[str, ...]]
    classes: list[str | None]
    confidences: NDArray[np.float64]
    coverage: Coverage
    pictures: dict[int, NDArray[np.uint8]]
    layouts: Mapping[str, Layout] = field(default_factory=dict)


@dataclass(slots=True)
class _Gathered:
    rows: list[int] = field(default_factory=list)
    times: list[datetime | None] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    segments: list[tuple[str, ...]] = field(default_factory=list)
    classes: list[str | None] = field(default_factory=list)
    known: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    pictures: PictureReservoir = field(default_factory=lambda: PictureReservoir(0))
    layouts: dict[str, Layout] = field(default_factory=dict)


def gather_reference(
    examples: Iterable[Example],
    reader: LayerReader,
    store: TapStore,
    *,
    batch: int,
    window_seconds: int,
    on_images: Callable[[int], None],
    class_name: Callable[[int], str] | None = None,
    label_name: Callable[[int], str] = str,
    keep_pictures: int = 0,
) -> Reference:
    """Read every example whose taps are not in *store* yet, and write them there.

    Batches are the same whatever is in the store, so that a fit that goes on after a kill gets
    the bits of one that was never killed.

    Args:
        examples: normal images, in any order.
        reader: the production model with its taps.
        store: what was read before by key, and where the rest goes.
        batch: images a forward pass takes.
        window_seconds: of event time; without times `UNTIMED_WINDOW` images make a window.
        on_images: called with the number of images done since the last call.
        class_name: names the class that the model gives an image; None has no such segments.
        label_name: names it where classes are counted.
        keep_pictures: number of images to keep with the taps, drawn at random.

    Raises:
        ReferenceTooSmall: there are none.
        SettingsError: the store cannot be written, or the model's transform takes no picture.
    """
    gathered = _Gathered(pictures=PictureReservoir(keep_pictures))
    remaining = _readable(examples, reader, store)
    while waiting := list(islice(remaining, batch)):
        _read(waiting, reader, store, gathered)
        _describe(waiting, store, gathered, class_name, label_name)
        on_images(len(waiting))
    if not gathered.rows:
        raise ReferenceTooSmall("the reference has no image that could be decoded")
    return _in_time(gathered, store, window_seconds)


def _readable(
    examples: Iterable[Example], reader: LayerReader, store: TapStore
) -> Iterator[Example]:
    """Leave out, with a warning, pictures that the model's transform refuses, as `run` does."""
    n_good = n_refused = 0
    for example in examples:
        is_known = store.row_of(example.key) is not None
        if example.taps is not None or (is_known and not is_large(example.image)):
            yield example
            continue
        try:
            prepared = reader.prepare(example.image)
        except Exception as error:  # any that a transform raises
            n_refused += 1
            if n_refused >= _MOST_REFUSED and not n_good:
                raise SettingsError(
                    f"the model's transform refused the first {n_refused} pictures: "
                    f"{describe_error(error)}"
                ) from error
            log.warning(
                "skipping %s: the model's transform refused it: %s",
                *(example.key or "a picture", describe_error(error)),
                extra=action("reference_left_out"),
            )
            continue
        n_good += 1
        yield replace(example, prepared=prepared, image=shrunk_copy(example.image))


def _read(
    examples: list[Example], reader: LayerReader, store: TapStore, gathered: _Gathered
) -> None:
    rows = [row for example in examples if (row := store.row_of(example.key)) is not None]
    if len(rows) < len(examples) or not gathered.rows:  # the first batch shows the layers' layouts
        read = reader.read([example.to_read for example in examples])
        gathered.layouts.update(read.layouts)
        keys = [example.key for example in examples]
        rows = store.append(keys, read.taps, read.predicted, read.confidences)
    gathered.rows += rows


def _describe(
    examples: list[Example],
    store: TapStore,
    gathered: _Gathered,
    class_name: Callable[[int], str] | None,
    label_name: Callable[[int], str],
) -> None:
    for example in examples:
        place = len(gathered.times)
        if example.taps is None:
            gathered.pictures.offer(place, example.image)
        gathered.times.append(example.taken_at)
        gathered.numbers.append(example.number)
        segments = example.segments
        number = store.predicted(gathered.rows[place])
        if class_name is not None and number != NO_CLASS and not _has_class(segments):
            segments = (*segments, f"{PREDICTED_CLASS}={class_name(number)}")
        said = example.predicted or (None if number == NO_CLASS else label_name(number))
        gathered.classes.append(said)
        gathered.segments.append(gathered.known.setdefault(segments, segments))


def _has_class(segments: tuple[str, ...]) -> bool:
    return any(segment.startswith(f"{PREDICTED_CLASS}=") for segment in segments)


def _in_time(gathered: _Gathered, store: TapStore, window_seconds: int) -> Reference:
    if all(gathered.times):
        moments = np.array([moment.timestamp() for moment in gathered.times if moment])
        windows = (moments // window_seconds).astype(np.int64)
    else:
        moments = np.array(gathered.numbers)
        windows = moments // UNTIMED_WINDOW
    order = np.argsort(moments, kind="stable")
    in_time = np.argsort(order)
    return Reference(
        taps=store.taps(),
        rows=np.array(gathered.rows)[order],
        window_ids=windows[order],
        segments=[gathered.segments[place] for place in order],
        classes=[gathered.classes[place] for place in order],
        confidences=np.array([store.confidence(gathered.rows[place]) for place in order]),
        coverage=measure_coverage(gathered.times, gathered.segments),
        pictures=dict(
            sorted((int(in_time[place]), image) for place, image in gathered.pictures.kept.items())
        ),
        layouts=gathered.layouts,
    )
