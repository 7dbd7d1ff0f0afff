"""CloudEvents in structured mode: envelope and data in one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...errors import EventSchemaError
from ...untrusted.base64_text import decode_base64
from ...untrusted.document import as_object
from ...untrusted.text import parse_time, shown
from ..format import Format, Tools
from ..message import Message
from ..payload import Payload

_CONTENT_TYPE = "application/cloudevents+json"
_NOT_ATTRIBUTES = frozenset({"data", "data_base64"})
_REQUIRED = ("id", "source", "type")
_MAX_ATTRIBUTES = 64


def _recognises(message: Message) -> bool:
    if message.content_type == _CONTENT_TYPE:
        return True
    return message.looks_like_json and "specversion" in message.document


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    attributes = _envelope(message.document)
    inner = _data(message.document, attributes, tools)
    named = Message(b"", attributes=attributes).cloudevent_text("id")
    moment = parse_time(attributes.get("time"), "attribute 'time'")
    return tuple(
        replace(
            payload,
            event_id=named,
            event_time=moment or payload.event_time,
            attributes=attributes,
            document=message.document,
        )
        for payload in inner
    )


def _data(
    document: Mapping[str, object], attributes: Mapping[str, str], tools: Tools
) -> tuple[Payload, ...]:
    if document.get("data_base64"):
        value = decode_base64(document["data_base64"], "'data_base64'")
        return tools.read_inside(Message(value, attributes=attributes))
    data = document.get("data")
    if data is None and attributes.get("dataref"):
        data = attributes["dataref"]
    if isinstance(data, str):  # what is fetched is a picture, never a message with addresses anew
        return (Payload(images=(tools.pictures.of_value(data, "'data'"),)),)
    parsed = as_object(data, "'data'")
    return tools.read_inside(Message(b"", attributes=attributes, parsed=parsed))


def _envelope(document: Mapping[str, object]) -> dict[str, str]:
    """Return the envelope's attributes as they are; those that are not a single value are left out.

    Nothing is checked here: what is used passes the gate for text where it is used.
    """
    if len(document) > _MAX_ATTRIBUTES:
        raise EventSchemaError(
            f"the CloudEvent has too many attributes: got {len(document)}, wanted at most "
            f"{_MAX_ATTRIBUTES}"
        )
    found = {
        name.lower(): _as_text(value)
        for name, value in document.items()
        if name not in _NOT_ATTRIBUTES and isinstance(value, str | int | float) and value != ""
    }
    _refuse_incomplete(found)
    return found


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _refuse_incomplete(attributes: Mapping[str, str]) -> None:
    missing = [name for name in _REQUIRED if name not in attributes]
    version = attributes.get("specversion", "")
    if missing or not version.startswith("1."):
        raise EventSchemaError(
            f"the message is not a CloudEvent 1.0: got specversion {shown(version)} and lacks "
            f"{', '.join(missing) or 'nothing else'}"
        )


CLOUDEVENTS_STRUCTURED = Format(
    name="CloudEvents, structured",
    settings=frozenset({"cloudevents"}),
    recognises=_recognises,
    read=_read,
    is_envelope=True,
)
