"""A record in, an event out; everything wrong with it is an EventError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import EventSchemaError
from . import cloudevent
from .event import Event, Record
from .image import decode_image


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSettings:
    """What an event may be.

    Attributes:
        segment_headers: names of the headers that split the stream, such as ``camera``.
        max_image_pixels: pictures with more are refused by their header, before decoding.
        max_message_bytes: larger messages are refused unread.
    """

    segment_headers: tuple[str, ...] = ()
    max_image_pixels: int = 40_000_000
    max_message_bytes: int = 10 * 1024 * 1024


def decode_event(record: Record, settings: DecodeSettings, *, arrived_at: datetime) -> Event:
    """Return the event in *record*; pure, and safe in every thread.

    Args:
        arrived_at: stands in for the time of a record that carries none.

    Raises:
        EventSchemaError: the envelope is wrong: empty, too large, headers.
        EventDecodeError: the bytes are no picture that can be decoded.
    """
    value = _sized(record.value, settings.max_message_bytes)
    headers = dict(record.headers)  # of a repeated name the last counts, as in Kafka's own client
    return Event(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        event_id=cloudevent.event_id(headers)
        or f"{record.topic}/{record.partition}/{record.offset}",
        event_time=cloudevent.event_time(headers) or _record_time(record) or arrived_at,
        segments=_segments(headers, settings.segment_headers),
        image=decode_image(value, max_pixels=settings.max_image_pixels),
    )


def _sized(value: bytes | None, max_bytes: int) -> bytes:
    if not value:
        raise EventSchemaError("the message is empty: got 0 bytes, wanted a JPEG, PNG or WebP")
    if len(value) > max_bytes:
        raise EventSchemaError(
            f"the message is too large: got {len(value)} bytes, wanted at most {max_bytes}; "
            "raise batch.max_message_bytes if such messages are meant"
        )
    return value


def _record_time(record: Record) -> datetime | None:
    if record.timestamp_ms < 0:
        return None
    try:
        return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise EventSchemaError(
            f"the record's timestamp is no time: got {record.timestamp_ms}, wanted milliseconds "
            "since 1970"
        ) from error


def _segments(headers: Mapping[str, bytes], names: tuple[str, ...]) -> dict[str, str]:
    found = {
        name: cloudevent.header_text(
            headers, name, max_characters=cloudevent.MAX_SEGMENT_CHARACTERS
        )
        for name in names
    }
    return {name: text for name, text in found.items() if text is not None}
