"""Reference images from a topic: its events from the start, as far as they reach now."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import EventError
from ..events.decode import DecodePorts, DecodeSettings, decode_record
from ..events.event import Event
from ..events.segment import PREDICTED_CLASS
from ..log import action
from ..ports import Clock, EventSource, Record
from .example import Example

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
JOIN_SECONDS = 60.0
"""How long the broker may take to give the partitions out; silence before that says nothing."""


def read_topic(
    source: EventSource,
    *,
    decode: DecodeSettings,
    ports: DecodePorts | None = None,
    max_events: int | None,
    idle_seconds: float,
    clock: Clock,
) -> Iterator[Example]:
    """Yield decoded events until *max_events*, or until none came for *idle_seconds*.

    Undecodable events are left out with a warning.

    Args:
        source: starts at the beginning of the topic; the caller closes it.
        decode: what an event may be.
        ports: what decoding uses besides values; None uses nothing outside the message.
        max_events: stop after so many.
        idle_seconds: the end of the topic is where nothing comes for so long.
        clock: measures the silence.
    """
    ports = ports or DecodePorts()
    n_given = 0
    last = clock.monotonic()
    while max_events is None or n_given < max_events:
        polled = source.poll(POLL_SECONDS)
        if polled.assignment_changed:
            source.seek(dict.fromkeys(source.assignment()))
            last = clock.monotonic()
        for record, error in polled.unreadable:
            _tell_left_out(record, error)
        for record in polled.records:
            last = clock.monotonic()
            for example in _examples(record, decode, ports):
                yield example
                last = clock.monotonic()
                n_given += 1
                if n_given == max_events:
                    return
        max_silence = idle_seconds if source.assignment() else max(idle_seconds, JOIN_SECONDS)
        if clock.monotonic() - last > max_silence:
            return


def _examples(record: Record, decode: DecodeSettings, ports: DecodePorts) -> list[Example]:
    try:
        events = decode_record(record, decode, ports, arrived_at=datetime.now(UTC))
    except EventError as error:
        _tell_left_out(record, error)
        return []
    if not isinstance(events, tuple):  # a prediction, a tombstone
        return []
    place = f"{record.topic}/{record.partition}/{record.offset}"
    content = zlib.crc32(record.value or b"")  # a topic that was made anew has other events there
    return [
        Example(
            event.image,
            _segments(event, ports),
            taken_at=event.event_time,
            predicted=_predicted(event, ports),
            taps=event.taps,
            key=f"{place}:{content}:{number}:{decode.pixel_meaning}",
        )
        for number, event in enumerate(events)
    ]


def _tell_left_out(record: Record, error: EventError) -> None:
    log.warning(
        "skipping %s/%s@%s: %s",
        *(record.topic, record.partition, record.offset, error),
        extra=action("reference_left_out"),
    )


def _segments(event: Event, ports: DecodePorts) -> tuple[str, ...]:
    named = dict(event.segments)
    if PREDICTED_CLASS in named:
        named[PREDICTED_CLASS] = ports.predictions.name(named[PREDICTED_CLASS])
    return tuple(f"{name}={value}" for name, value in named.items())


def _predicted(event: Event, ports: DecodePorts) -> str | None:
    said = event.segments.get(PREDICTED_CLASS) or event.predicted
    return None if said is None else ports.predictions.name(said)
