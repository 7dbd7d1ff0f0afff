"""A record on its way to the scorer: decoded, dated, weighed, prepared, in whichever thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..counting.evidence import shrunk
from ..errors import EventError, EventUnscorable
from ..events.decode import DecodePorts, DecodeSettings, decode_record
from ..events.event import NO_IMAGE, Event, LeftOut, Tombstone
from ..events.prediction import Prediction
from ..events.tap_vectors import TapsWanted
from ..model.user_code import describe_error
from ..ports import Clock, Record

Prepare = Callable[[NDArray[np.uint8]], Any]
"""RGB pixels, ``(height, width, 3)``, to what the scorer takes in their place."""

_SMALL_BYTES = 2**20
"""Pictures of at most so many bytes of pixels wait for their scores as they are."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record and what became of it.

    Attributes:
        outcome: its first event; a prediction, a tombstone and what sampling left out have none,
            and nothing to count.
        more: the events of its other pictures.
        seconds: what decoding took in its thread.
        is_skewed: dated too far ahead, so it counts at its arrival.
        prepare_seconds: what preparing its pictures took in the same thread.
        is_refused: the scorer could not prepare a picture of it.
    """

    record: Record
    outcome: Event | Prediction | Tombstone | LeftOut | EventError
    seconds: float
    is_skewed: bool = False
    more: tuple[Event, ...] = ()
    prepare_seconds: float = 0.0
    is_refused: bool = False

    @property
    def events(self) -> tuple[Event, ...]:
        """Return all events of the record: they count together or not at all."""
        return (self.outcome, *self.more) if isinstance(self.outcome, Event) else ()


class RecordDecoder:
    """Decodes records, and prepares their pictures; safe in every thread.

    Args:
        prepare: the scorer's; several threads call it at the same time.
        max_skew_seconds: an event dated further ahead of the clock counts at its arrival.
        thumbnail_side: pixels of a large picture's longer side that are kept once it is prepared;
            0 keeps none.
    """

    def __init__(
        self,
        settings: DecodeSettings,
        ports: DecodePorts,
        prepare: Prepare,
        clock: Clock,
        *,
        max_skew_seconds: float,
        thumbnail_side: int,
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._prepare = prepare
        self._clock = clock
        self._max_skew = timedelta(seconds=max_skew_seconds)
        self._thumbnail_side = thumbnail_side

    def use(self, prepare: Prepare, taps: TapsWanted | None) -> None:
        """Prepare pictures, and check sent vectors, for another scorer from now on."""
        self._prepare = prepare
        self._settings = replace(self._settings, taps_wanted=taps)

    def decode(self, record: Record, arrived_at: datetime, one_in: int) -> Decoded:
        """Return the result for *record*, which represents *one_in* records."""
        start = self._clock.monotonic()
        try:
            found = decode_record(record, self._settings, self._ports, arrived_at=arrived_at)
        except EventError as error:
            return Decoded(record, error, self._clock.monotonic() - start)
        if isinstance(found, Prediction):
            self._ports.predictions.put(found)
        decoded_at = self._clock.monotonic()
        took = decoded_at - start
        if not isinstance(found, tuple):
            return Decoded(record, found, took)
        is_skewed = found[0].event_time > arrived_at + self._max_skew
        try:
            first, *more = (
                replace(
                    event,
                    # a wrong clock opens no windows in the future
                    event_time=arrived_at if is_skewed else event.event_time,
                    clock_offset_seconds=_offset(record, event),
                    represents=event.represents * one_in,
                    **self._prepared(event),
                )
                for event in found
            )
        except EventUnscorable as error:
            return Decoded(record, error, took, is_refused=True)
        prepared = self._clock.monotonic() - decoded_at
        return Decoded(record, first, took, is_skewed, tuple(more), prepared)

    def _prepared(self, event: Event) -> dict[str, Any]:
        """Return what changes of an event by preparing its picture."""
        if event.taps is not None:
            return {}
        try:
            return {"prepared": self._prepare(event.image), "image": self._kept(event.image)}
        except Exception as error:  # any: one picture must not stop a stream
            height, width, _ = event.image.shape
            raise EventUnscorable(
                f"the model's transform refused this picture of {width} x {height} pixels: "
                f"{describe_error(error)}"
            ) from error

    def _kept(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what is still needed of a picture: 64 of 50 megapixels would be 9.6 GB."""
        if image.nbytes <= _SMALL_BYTES:
            return image
        return shrunk(image, self._thumbnail_side) if self._thumbnail_side else NO_IMAGE


def _offset(record: Record, event: Event) -> float | None:
    """Return by how many seconds the event's time is after its record's."""
    if record.timestamp_ms < 0:
        return None
    return event.event_time.timestamp() - record.timestamp_ms / 1000
