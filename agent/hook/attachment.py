"""Attaches to a model that serves: its own forward passes become events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType

import torch
from torch import Tensor, nn

from driftgauge.detector import LayerTaps, hash_weights, layers_of, with_roughness

from ..events.tap_vectors import TapOrigin
from ..model.predicted_class import find_classes
from .full_graph import spare_full_graphs
from .image_info import ImageInfo
from .sender import Batch, Counts, Producer, Sender

Describe = Callable[[int], Sequence[ImageInfo]]
"""Number of images of a batch to what is known of each, in order."""


def attach(
    model: nn.Module,
    producer: Producer,
    layers: Sequence[str],
    *,
    topic: str,
    preprocessing: str = "",
    describe: Describe | None = None,
    max_batches: int = 64,
) -> Attachment:
    """Send the taps of each forward pass of *model*: a message a pass, an event an image.

    Of each layer go the mean of its channels and, where it tells something, their roughness, so that
    detectors with and without roughness can score them. Statistics of pixels do not: only the picture
    has them.

    A classifier's class goes along as the header ``predicted_class``.

    The model's output keeps its bits. Its forward pass is never made to wait and never sees an
    error: what cannot be sent is dropped and counted.

    Args:
        model: in evaluation mode, with the weights that the agent watches. They are hashed here,
            once. Attach before torch.compile; with its ``fullgraph=True`` nothing is sent, which
            the log tells.
        producer: a ``kafka.KafkaProducer`` or alike; used in a thread of the attachment's own.
        layers: as in ``model.named_modules()``: those of the detector. ``stage~roughness`` sends that
            moment wherever it is, for detectors of earlier versions that were fitted on it.
        topic: that the agent reads.
        preprocessing: what happens to images before the model, in the words of the detector's
            manifest; empty is not compared.
        describe: returns ids, times and segments of a batch, if `Attachment.images` was not used.
        max_batches: that wait to be sent.

    Raises:
        DetectorError: a layer cannot be tapped, or the model is in train mode.
    """
    both = with_roughness(layers_of(layers))
    taps = LayerTaps(
        model, tuple(dict.fromkeys((*both, *layers))), may_lack=set(both).difference(layers)
    )
    kind = str(_kind_of(model)).removeprefix("torch.")
    origin = TapOrigin(hash_weights(model), preprocessing, kind)
    taps.__enter__()  # may refuse: before there is a thread
    return Attachment(
        model, Sender(producer, topic, max_batches=max_batches), taps, origin, describe
    )


class Attachment:
    """Hooks on a model and the thread that sends; made by `attach`, with the taps set.

    Attributes:
        counts: images sent, dropped, failed and skipped so far.
    """

    def __init__(
        self,
        model: nn.Module,
        sender: Sender,
        taps: LayerTaps,
        origin: TapOrigin,
        describe: Describe | None,
    ) -> None:
        self._sender = sender
        self._taps = taps
        self._origin = origin
        self._describe = describe
        self._host = threading.local()
        self._is_closed = False
        after = spare_full_graphs(self._after, sender.warn_of_full_graph)
        self._end = model.register_forward_hook(after)

    @property
    def counts(self) -> Counts:
        """Images so far, by what became of them."""
        return self._sender.counts

    @contextmanager
    def images(self, images: Sequence[ImageInfo]) -> Iterator[None]:
        """Describe the images of this thread's forward passes inside the block, in order."""
        self._host.images = list(images)
        try:
            yield
        finally:
            self._host.images = []

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Take the hooks off, and send what waits; safe to call twice."""
        self._is_closed = True
        self._end.remove()
        self._taps.__exit__(None, None, None)
        self._sender.close(timeout_seconds)

    def __enter__(self) -> Attachment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _after(self, model: nn.Module, inputs: object, output: object) -> None:
        if self._is_closed:  # a copy of the model keeps its hooks
            return
        n_images = 1
        try:
            taps = self._taps.pooled()
            n_images = len(next(iter(taps.values())))
            if model.training:
                self.counts.add(skipped=n_images)
            else:
                self._sender.offer(self._batch(taps, output))
        except Exception as error:  # any: the host's forward pass must continue
            self._sender.fail(n_images, error)

    def _batch(self, taps: dict[str, Tensor], output: object) -> Batch:
        first = next(iter(taps.values()))
        classes = find_classes(output)
        if classes is not None and len(classes) != len(first):
            classes = None
        ready = None
        if first.device.type == "cuda":
            ready = torch.cuda.Event()  # type: ignore[no-untyped-call]  # as torch has it
            ready.record()
        origin, told = self._origin_now(first.device), self._told(len(first))
        return Batch(taps, origin, _now(), told, classes, ready)

    def _told(self, n: int) -> list[ImageInfo]:
        """Return the host's descriptions of the next *n* images of this thread."""
        waiting: list[ImageInfo] = getattr(self._host, "images", [])
        if waiting:
            self._host.images = waiting[n:]
            return waiting[:n]
        return list(self._describe(n)) if self._describe else []

    def _origin_now(self, device: torch.device) -> TapOrigin:
        """Return the origin in the precision that this pass ran in."""
        if not torch.is_autocast_enabled(device.type):
            return self._origin
        kind = str(torch.get_autocast_dtype(device.type)).removeprefix("torch.")
        return TapOrigin(self._origin.weights, self._origin.preprocessing, kind)


def _now() -> datetime:
    return datetime.now(UTC)


def _kind_of(model: nn.Module) -> torch.dtype:
    kinds = (p.dtype for p in model.parameters() if p.is_floating_point())
    return next(kinds, torch.float32)
