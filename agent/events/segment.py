"""What slices the stream: headers, CloudEvents extensions, JSON fields, class and version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from ..errors import EventSchemaError
from ..untrusted.document import field_at
from ..untrusted.text import MAX_SEGMENT_CHARACTERS, label_text
from .headers import Headers
from .message import Message
from .payload import Payload

JSON = "json:"
"""Begins a segment that is a field of the message's JSON."""

PREDICTED_CLASS = "predicted_class"
MODEL_VERSION = "model_version"


def segment_name(source: str) -> str:
    """Return what a segment is called in windows and alerts.

    >>> segment_name("json:site.line"), segment_name("camera")
    ('site.line', 'camera')
    """
    return source.removeprefix(JSON)


def find_segments(
    message: Message, payload: Payload, sources: Sequence[str], *, item: int
) -> dict[str, str]:
    """Return name to value of those that the message has.

    Args:
        item: which picture of the message.

    Raises:
        EventSchemaError: a value that cannot be kept.
    """
    found = {}
    for source in sources:
        value = _value(message, payload, source, item)
        if value is not None:
            found[segment_name(source)] = value
    return found


def find_predicted(message: Message, payload: Payload, *, item: int) -> str | None:
    """Return the class that the served model gave a picture, None where the message does not say it.

    The stream need not be sliced by it, so a text that cannot be kept is no fault of the event.
    """
    try:
        return _value(message, payload, PREDICTED_CLASS, item)
    except EventSchemaError:
        return None


def _value(message: Message, payload: Payload, source: str, item: int) -> str | None:
    if source.startswith(JSON):
        path = source.removeprefix(JSON)
        return label_text(field_at(payload.document, path), f"field {path!r}")
    said = _header(message.headers, source) or _attribute(message.attributes, source)
    if said is None and source == PREDICTED_CLASS and item < len(payload.classes):
        return payload.classes[item]
    if said is None and source == MODEL_VERSION:
        return payload.model_version
    return said


def _header(headers: Headers, name: str) -> str | None:
    for header in (name, f"ce_{name}", f"ce_{_extension(name)}"):
        text = headers.text(header, max_characters=MAX_SEGMENT_CHARACTERS)
        if text is not None:
            return label_text(text, f"header {header!r}")
    return None


def _attribute(attributes: Mapping[str, str], name: str) -> str | None:
    text = attributes.get(name.lower()) or attributes.get(_extension(name))
    return label_text(text, f"attribute {name!r}")


@cache
def _extension(name: str) -> str:
    """CloudEvents names have small letters and digits only."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
