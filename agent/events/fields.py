"""Picture, id and time in the fields of a JSON object or of a registry's record."""

from __future__ import annotations

from collections.abc import Mapping

from ..untrusted.document import field_at
from ..untrusted.text import MAX_ID_CHARACTERS, parse_time, scalar_text
from .format import Tools
from .payload import Payload


def payload_of_fields(document: Mapping[str, object], tools: Tools) -> Payload:
    """Return the picture, id and time that the settings look for in *document*.

    Raises:
        EventError: there is no picture, or one of the fields cannot be used.
    """
    named, moment = tools.settings.id_field, tools.settings.time_field
    return Payload(
        images=(tools.pictures.of_fields(document),),
        event_id=_id_at(document, named) if named else None,
        event_time=parse_time(field_at(document, moment), f"field {moment!r}") if moment else None,
        document=document,
    )


def _id_at(document: Mapping[str, object], path: str) -> str | None:
    value = field_at(document, path)
    return scalar_text(value, f"field {path!r}", max_characters=MAX_ID_CHARACTERS)
