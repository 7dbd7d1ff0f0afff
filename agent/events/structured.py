"""CloudEvents in structured mode: envelope and data in one JSON object."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import EventSchemaError
from ..untrusted.text import MAX_ID_CHARACTERS, scalar_text
from .cloudevent import media_type

_NOT_ATTRIBUTES = frozenset({"data", "data_base64"})
_REQUIRED = ("id", "source", "type")
_MAX_ATTRIBUTES = 64


def envelope(document: Mapping[str, object]) -> dict[str, str]:
    """Return the envelope's attributes as text; those that are no single value are left out.

    Raises:
        EventSchemaError: an attribute that every CloudEvent has is missing, or there are too many.
    """
    if len(document) > _MAX_ATTRIBUTES:
        raise EventSchemaError(
            f"the CloudEvent has too many attributes: got {len(document)}, wanted at most "
            f"{_MAX_ATTRIBUTES}"
        )
    found = {}
    for name, value in document.items():
        if name in _NOT_ATTRIBUTES or isinstance(value, Mapping | list):
            continue
        text = scalar_text(value, f"attribute {name[:40]!r}", max_characters=MAX_ID_CHARACTERS * 4)
        if text is not None:
            found[name] = text
    _refuse_incomplete(found)
    return found


def _refuse_incomplete(attributes: Mapping[str, str]) -> None:
    missing = [name for name in _REQUIRED if name not in attributes]
    version = attributes.get("specversion", "")
    if missing or not version.startswith("1."):
        raise EventSchemaError(
            f"the message is no CloudEvent 1.0: got specversion {version[:24]!r} and lacks "
            f"{', '.join(missing) or 'nothing else'}"
        )


def holds_json(attributes: Mapping[str, str]) -> bool:
    """Return whether the data is JSON, as it is when the envelope does not say."""
    kind = media_type(attributes.get("datacontenttype", "application/json"))
    return kind.endswith(("/json", "+json"))
