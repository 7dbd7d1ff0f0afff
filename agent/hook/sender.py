"""A bounded queue and the thread that empties it into a producer; the host never waits for it."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..events.tap_vectors import CONTENT_TYPE, TapOrigin, encode_taps
from ..log import action
from ..untrusted.text import MAX_ID_CHARACTERS, MAX_SEGMENT_CHARACTERS, is_plain
from .image_info import UNKNOWN, ImageInfo

log = logging.getLogger(__name__)

LARGEST_HALF = float(np.finfo(np.float16).max)
MAX_PENDING = 4096
"""Images that the producer may hold unacknowledged before the thread waits for the oldest."""
ACKNOWLEDGE_SECONDS = 30.0
MESSAGE_BYTES = 512 * 1024
MESSAGE_IMAGES = 256
"""Of vectors, and of images, in one message; brokers and clients take a MiB by default."""
HEADERS = [
    ("content-type", CONTENT_TYPE.encode()),
    ("ce_specversion", b"1.0"),
    ("ce_type", b"driftgauge.taps"),
    ("ce_source", b"driftgauge.attach"),
]


class Producer(Protocol):
    """As much of ``kafka.KafkaProducer`` as is used."""

    def send(self, topic: str, **message: Any) -> Any:
        """Queue a message and return its future, with ``get(timeout)``."""


@dataclass(slots=True)
class Counts:
    """Images so far, by what became of them.

    Attributes:
        sent: given to the producer.
        dropped: not sent since the queue was full.
        failed: not sent, or not acknowledged, for another reason; the log names it.
        skipped: seen while the model was in train mode.
    """

    sent: int = 0
    dropped: int = 0
    failed: int = 0
    skipped: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, *, sent: int = 0, dropped: int = 0, failed: int = 0, skipped: int = 0) -> None:
        """Count more images; safe in every thread."""
        with self._lock:
            self.sent += sent
            self.dropped += dropped
            self.failed += failed
            self.skipped += skipped


@dataclass(frozen=True, slots=True)
class Batch:
    """The taps of one forward pass.

    Attributes:
        images: as the host described them; empty if it did not.
        classes: ``(n,)``, as a classifier predicts; None if the model is not a classifier.
        ready: on a GPU, passed when the taps are computed.
    """

    taps: Mapping[str, Tensor]
    origin: TapOrigin
    ran_at: datetime
    images: Sequence[ImageInfo] = ()
    classes: Tensor | None = None
    ready: torch.cuda.Event | None = None

    def __len__(self) -> int:
        return len(next(iter(self.taps.values())))


class Sender:
    """Sends batches in a thread of its own.

    Args:
        producer: used by the thread only.
        topic: that the events go to.
        max_batches: that wait; when there are so many, the next is dropped and counted.
    """

    def __init__(self, producer: Producer, topic: str, *, max_batches: int) -> None:
        self._producer = producer
        self._topic = topic
        self._queue: queue.Queue[Batch] = queue.Queue(max_batches)
        self._stream: torch.cuda.Stream | None = None
        self._pending: deque[tuple[Any, int]] = deque()
        self._n_pending = 0
        self._name = uuid.uuid4().hex[:12]
        self._n_seen = 0
        self._failures: set[type[Exception]] = set()
        self._is_full_graph = False
        self._is_stopping = threading.Event()
        self.counts = Counts()
        self._thread = threading.Thread(target=self._run, name="driftgauge-taps", daemon=True)
        self._thread.start()

    def offer(self, batch: Batch) -> None:
        """Queue *batch*, or drop and count it; returns immediately."""
        try:
            self._queue.put_nowait(batch)
        except queue.Full:
            self.counts.add(dropped=len(batch))

    def close(self, timeout_seconds: float) -> None:
        """Send what waits, as far as the time reaches; the rest counts as dropped."""
        self._is_stopping.set()
        self._thread.join(timeout_seconds)
        while True:
            try:
                batch = self._queue.get_nowait()
            except queue.Empty:
                return
            self.counts.add(dropped=len(batch))

    def fail(self, n_images: int, error: Exception) -> None:
        """Count images that could not be sent; the first error of each kind is logged."""
        self.counts.add(failed=n_images)
        if type(error) not in self._failures:
            self._failures.add(type(error))
            log.warning(
                "%s images' taps were not sent and are dropped: %r",
                *(n_images, error),
                extra=action("taps_not_sent", images=n_images),
            )

    def warn_of_full_graph(self) -> None:
        """Log once that the host was compiled into a single graph, where the hook does not run."""
        if self._is_full_graph:
            return
        self._is_full_graph = True
        log.warning(
            "the model was compiled into a single graph (fullgraph=True, torch.export), where hooks "
            "do not run, so no taps are sent; compile it without fullgraph",
            extra=action("taps_left_out"),
        )

    def _run(self) -> None:
        while not (self._is_stopping.is_set() and self._queue.empty()):
            try:
                batch = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            self._send(batch)
        while self._pending:
            self._acknowledge()

    def _send(self, batch: Batch) -> None:
        n_sent = 0
        try:
            vectors, classes = self._on_cpu(batch)
            images = self._described(batch, classes)
            kind = _kind_of(vectors)
            for rows in messages(images, _bytes_of_image(vectors)):
                parts = {layer: part[rows] for layer, part in vectors.items()}
                chosen = [images[row] for row in rows]
                self._put(encode_taps(batch.origin, parts, chosen, kind=kind), len(rows))
                n_sent += len(rows)
        except Exception as error:  # any: a broker away, a bad id; the host must not notice
            self.fail(len(batch) - n_sent, error)
        self.counts.add(sent=n_sent)

    def _described(self, batch: Batch, classes: Sequence[int | None]) -> list[dict[str, str]]:
        told = chain(batch.images, repeat(UNKNOWN))  # without end
        found = []
        for predicted, info in zip(classes, told, strict=False):
            self._n_seen += 1
            found.append(info.headers(f"{self._name}-{self._n_seen}", batch.ran_at, predicted))
        return found

    def _put(self, value: bytes, n_images: int) -> None:
        sent = self._producer.send(self._topic, value=value, headers=HEADERS)
        self._pending.append((sent, n_images))
        self._n_pending += n_images
        while self._n_pending > MAX_PENDING:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Wait for the oldest message: a producer's own queue has no bound."""
        future, n_images = self._pending.popleft()
        self._n_pending -= n_images
        try:
            if hasattr(future, "get"):
                future.get(timeout=ACKNOWLEDGE_SECONDS)
        except Exception as error:  # any that the client raises
            self.counts.add(sent=-n_images)
            self.fail(n_images, error)

    def _on_cpu(self, batch: Batch) -> tuple[dict[str, NDArray[np.float32]], Sequence[int | None]]:
        with self._copying(batch):
            vectors = {layer: tap.cpu().numpy() for layer, tap in batch.taps.items()}
            classes = batch.classes
            return vectors, [None] * len(batch) if classes is None else classes.tolist()

    def _copying(self, batch: Batch) -> AbstractContextManager[object]:
        """Return what copies are made in: on a GPU a stream of its own, behind the taps."""
        if batch.ready is None:
            return nullcontext()
        if self._stream is None:
            device = next(iter(batch.taps.values())).device
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # as torch has it
        self._stream.wait_event(batch.ready)
        return torch.cuda.stream(self._stream)


def messages(images: Sequence[Mapping[str, str]], image_bytes: int) -> list[list[int]]:
    """Return which images go together: most in one message, since each costs the host the same.

    An image with a text that no agent can keep goes alone, so that it takes no other with it to the
    dead letters.

    Args:
        images: headers of each.
        image_bytes: of the vectors of one image.
    """
    odd = [row for row, image in enumerate(images) if _is_odd(image)]
    plain = [row for row in range(len(images)) if row not in set(odd)]
    most = max(1, min(MESSAGE_IMAGES, MESSAGE_BYTES // image_bytes))
    together = [plain[begin : begin + most] for begin in range(0, len(plain), most)]
    return together + [[row] for row in odd]


def _is_odd(image: Mapping[str, str]) -> bool:
    return any(
        len(text) > (MAX_ID_CHARACTERS if name == "ce_id" else MAX_SEGMENT_CHARACTERS)
        or not is_plain(text)
        for name, text in image.items()
    )


def _kind_of(vectors: Mapping[str, NDArray[np.float32]]) -> str:
    """Half precision, unless a number is too large for it."""
    largest = max(float(np.abs(part).max(initial=0)) for part in vectors.values())
    return "F32" if largest > LARGEST_HALF else "F16"


def _bytes_of_image(vectors: Mapping[str, NDArray[np.float32]]) -> int:
    return sum(part.shape[1] * part.itemsize for part in vectors.values())
