"""A record in, events out; everything wrong with it is an EventError.

Pure but for the two ports that a deployment may allow: fetching a picture that lies elsewhere, and
asking a schema registry.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from ..errors import EventError, EventFault, EventSchemaError
from ..log import action
from ..ports import Record
from . import cloudevent
from .decode_settings import DecodeSettings
from .event import Answer, Event
from .image import refuse_extreme_aspect
from .payload import Message, Payload
from .reading import read_parts
from .segment import find_segments

log = logging.getLogger(__name__)

__all__ = ["DecodeSettings", "decode_record"]


def decode_record(
    record: Record, settings: DecodeSettings, *, arrived_at: datetime
) -> tuple[Event, ...] | Answer:
    """Return the events in *record*, or the answer that it is; safe in every thread.

    A record with several pictures gives all of them or none.

    Args:
        arrived_at: stands in for the time of a record that carries none.

    Raises:
        EventSchemaError: the envelope is wrong: empty, too large, headers, fields.
        EventDecodeError: the bytes are not a picture that can be decoded.
        EventFetchError: the picture lies elsewhere, and cannot be had.
        EventUnsupported: the format cannot be read with what is installed and set.
        EventFault: reading failed unexpectedly.
    """
    try:
        message = Message(_sized(record, settings), dict(record.headers))
        parts = read_parts(message, settings)
        _, first = parts[0]
        if first.is_answer:
            return Answer(first.request_id, first.classes)
        events: list[Event] = []
        for part in parts:
            events += _events(record, *part, settings, arrived_at, first_item=len(events))
        return tuple(events)
    except EventError:
        raise
    except Exception as error:  # any: one message must not end the agent
        log.exception(
            "a message broke its decoder, which is a bug; please report it",
            extra=action("decoder_bug"),
        )
        raise EventFault(f"reading the message failed with {error!r:.300}") from error


def _events(
    record: Record,
    message: Message,
    payload: Payload,
    settings: DecodeSettings,
    arrived_at: datetime,
    *,
    first_item: int,
) -> list[Event]:
    place = f"{record.topic}/{record.partition}/{record.offset}"
    named = payload.event_id or cloudevent.event_id(message.headers) or place
    moment = payload.event_time or cloudevent.event_time(message.headers) or _record_time(record)
    represents = cloudevent.sampled_rate(message.headers, payload.attributes)
    several = len(payload.images) > 1
    for image in payload.images:
        if image.size:  # else taps stand for it
            refuse_extreme_aspect(image, max_aspect=settings.max_image_aspect)
    return [
        Event(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            event_id=f"{named}#{item}" if several else named,
            event_time=moment or arrived_at,
            segments=find_segments(message, payload, settings.segment_headers, item=item),
            image=image,
            item=first_item + item,
            request_id=payload.request_id,
            taps=payload.taps,
            represents=represents,
        )
        for item, image in enumerate(payload.images)
    ]


def _sized(record: Record, settings: DecodeSettings) -> bytes:
    value, max_bytes = record.value, settings.max_message_bytes
    if not value and not dict(record.headers).get("ce_dataref"):
        raise EventSchemaError("the message is empty: got 0 bytes, wanted a JPEG, PNG or WebP")
    if len(value or b"") > max_bytes:
        raise EventSchemaError(
            f"the message is too large: got {len(value or b'')} bytes, wanted at most {max_bytes}; "
            "raise batch.max_message_bytes if such messages are meant"
        )
    return value or b""


def _record_time(record: Record) -> datetime | None:
    if record.timestamp_ms < 0:
        return None
    try:
        return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise EventSchemaError(
            f"the record's timestamp is not a time: got {record.timestamp_ms}, wanted milliseconds "
            "since 1970"
        ) from error
