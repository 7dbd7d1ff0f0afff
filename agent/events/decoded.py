"""A record on its way to the scorer: decoded, dated and weighed, in whichever thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..errors import EventError
from ..ports import Clock
from .decode import DecodeSettings, decode_record
from .event import Answer, Event, LeftOut, Record


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record and what became of it.

    Attributes:
        outcome: its first event; an answer has none, and nothing to count, nor has what sampling
            left out.
        more: the events of its other pictures.
        seconds: what decoding took in its thread.
        is_skewed: dated too far ahead, so it counts at its arrival.
    """

    record: Record
    outcome: Event | Answer | LeftOut | EventError
    seconds: float
    is_skewed: bool = False
    more: tuple[Event, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """Return all events of the record: they count together or not at all."""
        return (self.outcome, *self.more) if isinstance(self.outcome, Event) else ()


class RecordDecoder:
    """Decodes records; safe in every thread.

    Args:
        max_skew_seconds: an event dated further ahead of the clock counts at its arrival.
    """

    def __init__(self, settings: DecodeSettings, clock: Clock, *, max_skew_seconds: float) -> None:
        self._settings = settings
        self._clock = clock
        self._max_skew = timedelta(seconds=max_skew_seconds)

    def decode(self, record: Record, arrived_at: datetime, one_in: int) -> Decoded:
        """Return what became of *record*, which stands for *one_in*."""
        start = self._clock.monotonic()
        try:
            found = decode_record(record, self._settings, arrived_at=arrived_at)
        except EventError as error:
            return Decoded(record, error, self._clock.monotonic() - start)
        if isinstance(found, Answer):
            self._settings.answers.put(found)
            return Decoded(record, found, self._clock.monotonic() - start)
        is_skewed = found[0].event_time > arrived_at + self._max_skew
        if is_skewed:  # a wrong clock opens no windows in the future
            found = tuple(replace(event, event_time=arrived_at) for event in found)
        if one_in > 1:
            found = tuple(replace(e, represents=e.represents * one_in) for e in found)
        first, *more = found
        return Decoded(record, first, self._clock.monotonic() - start, is_skewed, tuple(more))
