"""An Avro or Protobuf record in a schema registry's framing."""

from __future__ import annotations

from ...registry.frame import is_framed
from ..fields import payload_of_fields
from ..format import Format, Tools
from ..message import Message
from ..payload import Payload

_CONTENT_TYPES = frozenset(
    {
        "avro/binary", "application/avro", "application/vnd.kafka.avro.v2",
        "application/vnd.confluent.avro", "application/x-avro", "application/protobuf",
        "application/x-protobuf", "application/vnd.google.protobuf",
    }
)  # fmt: skip
_OTHER_KINDS = ("image/", "video/", "audio/", "text/")


def _is_declared(message: Message) -> bool:
    return message.content_type in _CONTENT_TYPES


def _is_framed(message: Message) -> bool:
    """Tell by the frame, which is but a zero byte: many files begin so, and are asked for before."""
    is_other = message.looks_like_json or message.content_type.startswith(_OTHER_KINDS)
    return is_framed(message.value) and not is_other


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    return (payload_of_fields(tools.ports.read_record(message.value), tools),)


DECLARED_RECORD = Format(name="Avro, Protobuf by content type", recognises=_is_declared, read=_read)
FRAMED_RECORD = Format(
    name="Avro, Protobuf",
    settings=frozenset({"registry"}),
    recognises=_is_framed,
    read=_read,
)
