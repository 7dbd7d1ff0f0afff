"""CloudEvents in binary mode without data: no value, and a URL in a header.

One that has a value needs no reader of its own: its value is in one of the other formats, and its
attributes are headers.
"""

from __future__ import annotations

from ..format import Format, Tools
from ..message import Message
from ..payload import Payload
from ..request import request_id

DATAREF = "ce_dataref"
_MAX_ADDRESS_CHARACTERS = 2048


def _recognises(message: Message) -> bool:
    return not message.value and bool(message.headers.get(DATAREF))


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    address = message.headers.text(DATAREF, max_characters=_MAX_ADDRESS_CHARACTERS)
    image = tools.pictures.decode(tools.ports.fetch(address or ""))
    return (Payload(images=(image,), request_id=request_id(message)),)


CLOUDEVENTS_BINARY = Format(
    name="CloudEvents, binary",
    settings=frozenset({"image"}),
    recognises=_recognises,
    read=_read,
    is_envelope=True,
)
