"""A record in, events out; everything wrong with it is an EventError.

Pure but for what a deployment may allow: fetching a picture from its URL, and asking a schema
registry.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

from ..errors import EventError, EventFault, EventOfOtherModel, EventSchemaError, SettingsError
from ..log import action
from ..ports import Record
from ..untrusted.text import reason_text
from . import cloudevent
from .decode_ports import DecodePorts
from .decode_settings import DecodeSettings
from .event import Event, Tombstone
from .headers import Headers
from .image import refuse_extreme_aspect
from .message import Message
from .payload import Payload
from .prediction import Prediction
from .reading import read_message
from .segment import find_predicted, find_segments

log = logging.getLogger(__name__)

_TOMBSTONES = "tombstones"
_TOLD_TOMBSTONES = (
    "the topic has records without a value, as a compacted topic has for deleted keys; they are passed "
    "over and counted in driftgauge_records_passed_over_total"
)

__all__ = ["DecodePorts", "DecodeSettings", "decode_record"]


def decode_record(
    record: Record,
    settings: DecodeSettings,
    ports: DecodePorts | None = None,
    *,
    arrived_at: datetime,
) -> tuple[Event, ...] | Prediction | Tombstone:
    """Return the events in *record*, or what it is instead; safe in every thread.

    A record with several pictures gives all of them or none.

    Args:
        ports: what decoding uses besides values; None uses nothing outside the message, and
            remembers nothing.
        arrived_at: stands in for the time of a record that carries none.

    Raises:
        EventSchemaError: the envelope is wrong: empty, too large, headers, fields.
        EventDecodeError: the bytes are not a picture that can be decoded.
        EventFetchError: the picture's URL cannot be fetched.
        EventUnsupported: the format cannot be read with what is installed and set.
        EventOfOtherModel: its taps are not those that the detector scores.
        EventFault: reading failed unexpectedly.
        SettingsError: it is our fault, and would be every event's: a package is not installed, or
            the schema registry refuses our login.
    """
    try:
        return _decoded(record, settings, ports or DecodePorts(), arrived_at)
    except SettingsError:  # ours to put right, and every such event waits for it
        raise
    except EventOfOtherModel as error:  # counted by its images, and told as an alert
        raise EventOfOtherModel(reason_text(str(error)), n_images=error.n_images) from error
    except EventError as error:
        raise type(error)(
            reason_text(str(error))
        ) from error  # the last gate before log and letters
    except Exception as error:  # any: one message must not end the agent
        log.exception(
            "a message crashed its decoder, which is a bug; please report it",
            extra=action("decoder_bug"),
        )
        raise EventFault(reason_text(f"reading the message failed with {error!r:.300}")) from error


def _decoded(
    record: Record, settings: DecodeSettings, ports: DecodePorts, arrived_at: datetime
) -> tuple[Event, ...] | Prediction | Tombstone:
    headers = Headers(record.headers)
    if record.value is None and not headers.get("ce_dataref"):
        ports.sight.tell_once(_TOMBSTONES, _TOLD_TOMBSTONES)
        return Tombstone()
    message = Message(_sized(record.value or b"", headers, settings), headers)
    payloads = read_message(message, settings, ports)
    if payloads[0].is_prediction:
        return Prediction(payloads[0].request_id, payloads[0].classes)
    events: list[Event] = []
    for payload in payloads:
        own = _message_of(payload, message)
        events += _events(record, own, payload, settings, arrived_at, first_item=len(events))
    return tuple(events)


def _message_of(payload: Payload, message: Message) -> Message:
    """Return the message as one of its payloads has it: with headers and attributes of its own."""
    if not payload.headers and payload.attributes == message.attributes:
        return message
    headers = message.headers.over(payload.headers)
    return replace(message, headers=headers, attributes=payload.attributes)


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
    named = payload.event_id or message.cloudevent_text("id") or place
    moment = payload.event_time or cloudevent.event_time(message) or _record_time(record)
    represents = cloudevent.sampled_rate(message)
    several = len(payload.images) > 1
    for image in payload.images:
        if image.size:  # else taps replace it
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
            predicted=find_predicted(message, payload, item=item),
            request_id=payload.request_id,
            taps=payload.taps,
            represents=represents,
        )
        for item, image in enumerate(payload.images)
    ]


def _sized(value: bytes, headers: Headers, settings: DecodeSettings) -> bytes:
    if not value and not headers.get("ce_dataref"):
        raise EventSchemaError("the message is empty: got 0 bytes, wanted a JPEG, PNG or WebP")
    if len(value) > settings.max_message_bytes:
        raise EventSchemaError(
            f"the message is too large: got {len(value)} bytes, wanted at most "
            f"{settings.max_message_bytes}; raise batch.max_message_bytes if such messages are expected"
        )
    return value


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
