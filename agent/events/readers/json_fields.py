"""A JSON object with the picture in one of its fields."""

from __future__ import annotations

from ..fields import payload_of_fields
from ..format import Format, Tools
from ..message import Message
from ..payload import Payload


def _recognises(message: Message) -> bool:
    return message.looks_like_json


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    return (payload_of_fields(message.document, tools),)


JSON_FIELDS = Format(
    name="JSON",
    settings=frozenset({"json", "inference"}),
    recognises=_recognises,
    read=_read,
)
