"""A picture in a field: as base64, or as a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..errors import EventSchemaError, EventUnsupported
from ..untrusted.base64_text import decode_base64
from ..untrusted.document import field_at
from ..untrusted.text import shown

Fetch = Callable[[str], bytes]
"""Returns the content of a URL; raises EventFetchError."""

INLINE = ("image", "image_base64", "image_bytes", "data_base64", "b64", "data", "frame", "content")
ADDRESSES = ("dataref", "image_uri", "image_url", "uri", "url")

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,15}://")


def no_fetch(address: str) -> bytes:
    """Refuse every address: what holds until the settings allow some.

    Raises:
        EventUnsupported: always.
    """
    raise EventUnsupported(
        f"the message has only the picture's URL, {shown(address.partition('?')[0], 200)}, and no URL "
        "may be fetched; add its prefix to events.fetch_allow"
    )


def picture_bytes(value: object, fetch: Fetch, where: str) -> bytes:
    """Return the encoded picture that a field's value holds or points to.

    Args:
        value: base64 text, an address, or ``{"b64": "..."}``.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, Mapping) and "b64" in value:
        return decode_base64(value["b64"], f"{where}, 'b64'")
    if isinstance(value, str) and _ADDRESS.match(value):
        return fetch(value)
    return decode_base64(value, where)


def find_picture(document: Mapping[str, object], image_field: str) -> tuple[str, object]:
    """Return the name and the value of the field with the picture.

    Args:
        image_field: a dotted path; empty looks for the usual names.

    Raises:
        EventSchemaError: there is none.
    """
    names: Sequence[str] = (image_field,) if image_field else (*INLINE, *ADDRESSES)
    for name in names:
        value = field_at(document, name) if image_field else document.get(name)
        if value is not None:
            return name, value
    raise EventSchemaError(
        f"the message has no picture: got the fields {', '.join(map(shown, list(document)[:8]))}, "
        f"wanted {' or '.join(names)}; name yours in events.image_field"
    )
