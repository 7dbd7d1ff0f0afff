"""Formats that are recognised but not read, so that the error names them."""

from __future__ import annotations

from ...errors import EventUnsupported
from ..format import Format, Tools
from ..message import Message
from ..payload import Payload

_NAMES = {
    "application/cloudevents-batch+json": "batches of CloudEvents",
    "application/cloudevents+avro": "CloudEvents in Avro",
    "application/cloudevents+protobuf": "CloudEvents in Protobuf",
    "video/mp4": "videos", "video/h264": "videos", "image/svg+xml": "SVG drawings",
    "image/tiff": "TIFF pictures", "image/gif": "GIF pictures",
}  # fmt: skip


def _recognises(message: Message) -> bool:
    return message.content_type in _NAMES


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    declared = message.content_type
    raise EventUnsupported(
        f"{_NAMES[declared]} are not read: got content type {declared!r}, wanted JPEG, PNG, WebP, "
        "HEIC, AVIF or JSON"
    )


KNOWN_UNREAD = Format(name="known, not read", recognises=_recognises, read=_read)
