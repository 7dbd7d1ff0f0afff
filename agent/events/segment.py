"""What slices the stream: headers, CloudEvents extensions, JSON fields, class and version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..untrusted.document import field_at
from ..untrusted.text import MAX_SEGMENT_CHARACTERS, printable, scalar_text
from . import cloudevent
from .payload import Message, Payload

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


def _value(message: Message, payload: Payload, source: str, item: int) -> str | None:
    if source.startswith(JSON):
        path = source.removeprefix(JSON)
        value = field_at(payload.document, path)
        where = f"field {path!r}"
        return scalar_text(value, where, max_characters=MAX_SEGMENT_CHARACTERS)
    said = _header(message.headers, source) or _attribute(payload.attributes, source)
    if said is None and source == PREDICTED_CLASS and item < len(payload.classes):
        return payload.classes[item]
    if said is None and source == MODEL_VERSION:
        return payload.model_version
    return said


def _header(headers: Mapping[str, bytes], name: str) -> str | None:
    for header in (name, f"ce_{name}", f"ce_{_extension(name)}"):
        text = cloudevent.header_text(headers, header, max_characters=MAX_SEGMENT_CHARACTERS)
        if text is not None:
            return text
    return None


def _attribute(attributes: Mapping[str, str], name: str) -> str | None:
    text = attributes.get(name) or attributes.get(_extension(name))
    if text is None:
        return None
    return printable(text, f"attribute {name!r}", max_characters=MAX_SEGMENT_CHARACTERS)


def _extension(name: str) -> str:
    """CloudEvents names have small letters and digits only."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
