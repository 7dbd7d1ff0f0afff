"""A file as the whole value, told by its first bytes: a picture, or named as what it is instead."""

from __future__ import annotations

from ..first_bytes import sniff
from ..format import Format, Tools
from ..message import Message
from ..payload import Payload
from ..request import request_id


def _recognises(message: Message) -> bool:
    return sniff(message.value) is not None


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    image = tools.pictures.decode(message.value)
    return (Payload(images=(image,), request_id=request_id(message)),)


RAW_PICTURE = Format(
    name="picture",
    settings=frozenset({"image"}),
    recognises=_recognises,
    read=_read,
)
