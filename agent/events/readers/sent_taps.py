"""Tap vectors that a hook in the serving process sent: a message a pass, an event an image."""

from __future__ import annotations

from ..event import NO_IMAGE
from ..format import Format, Tools
from ..message import Message
from ..payload import Payload
from ..request import request_id
from ..tap_vectors import CONTENT_TYPE, TapBatch, decode_taps


def _recognises(message: Message) -> bool:
    return message.content_type == CONTENT_TYPE


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    taps = decode_taps(message.value)
    if tools.settings.taps_wanted is not None:
        tools.settings.taps_wanted.check(taps)
    return tuple(_payload(message, taps, item) for item in range(len(taps.images)))


def _payload(message: Message, taps: TapBatch, item: int) -> Payload:
    texts = taps.images[item]
    own = {name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()}
    alone = Message(b"", message.headers.over(own))
    return Payload(
        images=(NO_IMAGE,),
        taps=taps.of_image(item),
        headers=own,
        request_id=request_id(alone),
    )


SENT_TAPS = Format(
    name="taps",
    settings=frozenset({"image", "cloudevents", "json", "inference", "registry"}),
    recognises=_recognises,
    read=_read,
    is_envelope=True,
)
