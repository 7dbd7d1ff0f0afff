"""Which format a message is in: as configured, by its content type, else by its first bytes."""

from __future__ import annotations

from typing import Literal, get_args

from ..errors import EventUnsupported
from . import cloudevent
from .first_bytes import sniff
from .payload import Message

Format = Literal["image", "cloudevents", "json", "inference", "registry"]
FormatSetting = Literal["auto", "image", "cloudevents", "json", "inference", "registry"]

_STRUCTURED = "application/cloudevents+json"
_REGISTRY = frozenset(
    {
        "avro/binary", "application/avro", "application/vnd.kafka.avro.v2",
        "application/vnd.confluent.avro", "application/x-avro", "application/protobuf",
        "application/x-protobuf", "application/vnd.google.protobuf",
    }
)  # fmt: skip
_UNREAD = {
    "application/cloudevents-batch+json": "batches of CloudEvents",
    "application/cloudevents+avro": "CloudEvents in Avro",
    "application/cloudevents+protobuf": "CloudEvents in Protobuf",
    "video/mp4": "videos", "video/h264": "videos", "image/svg+xml": "SVG drawings",
    "image/tiff": "TIFF pictures", "image/gif": "GIF pictures",
}  # fmt: skip
_FRAME_BYTES = 5


def format_of(message: Message, setting: FormatSetting) -> Format:
    """Return the format that *message* is in.

    A file that its first bytes tell goes to the picture decoder whatever its content type says, and
    so does a message without any sign: it reads the file, or names it. Only a content type of
    records in a schema registry's framing comes before the first bytes.

    Raises:
        EventUnsupported: its content type is one that is known and not read.
    """
    if setting != "auto":
        return setting
    declared = cloudevent.content_type(message.headers)
    if declared not in _REGISTRY and sniff(message.value) is not None:
        return "image"
    if declared in _UNREAD:
        raise EventUnsupported(
            f"{_UNREAD[declared]} are not read: got content type {declared!r}, wanted JPEG, PNG, "
            "WebP, HEIC, AVIF or JSON"
        )
    return _declared(declared) or _sniffed(message.value)


def _declared(content_type: str) -> Format | None:
    if content_type == _STRUCTURED:
        return "cloudevents"
    if content_type in _REGISTRY:
        return "registry"
    return "json" if content_type.endswith(("/json", "+json")) else None


def _sniffed(value: bytes) -> Format:
    if value[:1] == b"\0" and len(value) > _FRAME_BYTES:
        return "registry"
    return "json" if value[:64].lstrip()[:1] == b"{" else "image"


FORMATS: tuple[Format, ...] = get_args(Format)
