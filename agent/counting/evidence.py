"""Evidence: the most unusual events of each segment and window, and a typical one to compare with."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from driftgauge.storage import EvidenceRecord

from ..events.event import Event
from ..ports import Scored
from .window_rows import WindowRows

ThumbnailMode = Literal["keep", "blur", "none"]

_MIDDLE = 0.5
_JPEG_QUALITY = 80
_BLUR_PIXELS = 5.0
_MAX_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """What to keep.

    Attributes:
        per_window: most unusual events of each segment and window; 0 keeps nothing at all.
        thumbnails: ``keep``, ``blur`` so that nobody can be recognised, or ``none``.
        max_side: of a thumbnail, in pixels.
    """

    per_window: int = 3
    thumbnails: ThumbnailMode = "keep"
    max_side: int = 96

    @property
    def source_side(self) -> int:
        """Pixels of a picture's longer side that a thumbnail is made of; 0 where none is made."""
        return self.max_side if self.per_window and self.thumbnails != "none" else 0


def shrunk(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """Return RGB pixels with no side above *max_side*; as they are if they have none."""
    if max(image.shape[:2]) <= max_side:
        return image
    small = Image.fromarray(image)
    small.thumbnail((max_side, max_side))
    return np.asarray(small)


def thumbnail(image: NDArray[np.uint8], mode: ThumbnailMode, *, max_side: int = 96) -> bytes | None:
    """Return a small JPEG of RGB pixels, None in mode ``none`` and where there are no pixels."""
    if mode == "none" or not image.size:
        return None
    small = Image.fromarray(shrunk(image, max_side))
    if mode == "blur":
        small = small.filter(ImageFilter.GaussianBlur(_BLUR_PIXELS))
    sink = io.BytesIO()
    small.save(sink, "JPEG", quality=_JPEG_QUALITY)
    return sink.getvalue()


@dataclass(slots=True)
class _Kept:
    """One segment's window: what waits for the flush, and the p-values that it must beat."""

    waiting: list[EvidenceRecord] = field(default_factory=list)
    flushed: list[float] = field(default_factory=list)
    typical: EvidenceRecord | None = None
    has_flushed_typical: bool = False

    def wants_unusual(self, p_value: float, n: int) -> bool:
        rivals = sorted([*(record.p_value for record in self.waiting), *self.flushed])
        return len(rivals) < n or p_value < rivals[n - 1]

    def add_unusual(self, record: EvidenceRecord, n: int) -> None:
        self.waiting = sorted([*self.waiting, record], key=lambda kept: kept.p_value)[:n]

    def wants_typical(self, p_value: float) -> bool:
        if self.has_flushed_typical:
            return False
        distance = abs(p_value - _MIDDLE)
        return self.typical is None or distance < abs(self.typical.p_value - _MIDDLE)

    def mark_flushed(self, n: int) -> None:
        self.flushed = sorted([*self.flushed, *(record.p_value for record in self.waiting)])[:n]
        self.has_flushed_typical = self.has_flushed_typical or self.typical is not None
        self.drop()

    def drop(self) -> None:
        self.waiting = []
        self.typical = None


class EvidenceKeeper:
    """Keeps candidates in memory between flushes.

    A window that spans several flushes may end with a few more than *per_window* unusual events in
    the database, since one that was written is not taken back.

    Args:
        columns: the score columns' names: the layers, then ``*``.
    """

    def __init__(self, columns: Sequence[str], settings: EvidenceSettings) -> None:
        self._layers = tuple(columns[:-1])
        self._settings = settings
        self._kept: dict[tuple[str, datetime], _Kept] = {}

    def offer(self, events: Sequence[Event], rows: WindowRows, scored: Scored) -> None:
        """Take from a batch what is more unusual, or more typical, than what is kept."""
        if not self._settings.per_window or not scored.is_scored:
            return
        candidate = cache(partial(self._candidate, events, scored))
        combined = scored.p_values[:, -1]
        for key, own in rows.items():
            self._weigh(key, own, combined[own], candidate)

    def records(self) -> list[EvidenceRecord]:
        """Return what the next flush is to write."""
        found: list[EvidenceRecord] = []
        for kept in self._kept.values():
            found += kept.waiting
            if kept.typical is not None:
                found.append(kept.typical)
        return found

    def mark_flushed(self) -> None:
        """What `records` returned is in the database."""
        for kept in self._kept.values():
            kept.mark_flushed(self._settings.per_window)
        while len(self._kept) > _MAX_REMEMBERED:
            del self._kept[next(iter(self._kept))]

    def drop(self) -> None:
        """Forget what was not flushed."""
        for kept in self._kept.values():
            kept.drop()

    def _weigh(
        self,
        key: tuple[str, datetime],
        rows: NDArray[np.int64],
        p_values: NDArray[np.float64],
        candidate: Callable[[int], _Candidate],
    ) -> None:
        """Weigh the rows of one segment's window, of which few can be wanted."""
        kept, n = self._kept.setdefault(key, _Kept()), self._settings.per_window
        lowest = np.argsort(p_values, kind="stable")[:n]
        wanted = [at for at in lowest.tolist() if kept.wants_unusual(float(p_values[at]), n)]
        for at in wanted:
            kept.add_unusual(candidate(int(rows[at])).record(*key, "unusual"), n)
        distances = np.abs(p_values - _MIDDLE)
        distances[wanted] = np.inf
        at = int(distances.argmin())
        if np.isfinite(distances[at]) and kept.wants_typical(float(p_values[at])):
            kept.typical = candidate(int(rows[at])).record(*key, "typical")

    def _candidate(self, events: Sequence[Event], scored: Scored, row: int) -> _Candidate:
        numbers = [part[row] for part in (scored.pixels, scored.cells) if part is not None]
        pixels = np.concatenate(numbers) if numbers else None
        p_values: list[float] = scored.p_values[row].tolist()
        return _Candidate(events[row], p_values, self._layers, self._settings, pixels=pixels)


class _Candidate:
    """An event that may be kept; its thumbnail is made once, and only if it is."""

    def __init__(
        self,
        event: Event,
        p_values: Sequence[float],
        layers: Sequence[str],
        settings: EvidenceSettings,
        *,
        pixels: NDArray[np.float32] | None,
    ) -> None:
        self._event = event
        self._pixels = pixels
        self._layer_p_values = dict(zip(layers, p_values[:-1], strict=True))
        self.p_value = p_values[-1]
        self._thumbnail = cache(
            lambda: thumbnail(event.image, settings.thumbnails, max_side=settings.max_side)
        )

    def record(self, segment: str, start: datetime, kind: str) -> EvidenceRecord:
        event = self._event
        return EvidenceRecord(
            segment=segment,
            window_start=start,
            kind=kind,
            topic=event.topic,
            partition=event.partition,
            offset=event.offset,
            event_id=event.event_id,
            event_time=event.event_time,
            p_value=self.p_value,
            layer_p_values=self._layer_p_values,
            thumbnail=self._thumbnail(),
            item=event.item,
            pixels=None if self._pixels is None else self._pixels.astype("<f4").tobytes(),
        )
