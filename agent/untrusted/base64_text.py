"""Base64 from outside: strict, both alphabets, with or without a ``data:`` prefix."""

from __future__ import annotations

import base64
import binascii

from ..errors import EventDecodeError

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SHOWN = 24
_WHITE = b" \t\r\n"


def decode_base64(text: object, where: str) -> bytes:
    """Return the bytes that *text* encodes.

    Line breaks and missing padding are let pass; anything else that is not base64 is refused, since
    a lenient decoder would make noise of it.

    Args:
        where: what holds it, such as ``field 'image'``.

    Raises:
        EventDecodeError: it is not base64, or empty.
    """
    if not isinstance(text, str):
        raise EventDecodeError(f"{where} is not base64 text: got {type(text).__name__}")
    try:
        encoded = _body(text).encode("ascii").translate(_URL_SAFE, _WHITE)
        encoded += b"=" * (-len(encoded) % 4)
        decoded = base64.b64decode(encoded, validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise EventDecodeError(
            f"{where} is not base64: {error}; got {len(text)} characters that begin with "
            f"{text[:_SHOWN]!r}"
        ) from error
    if not decoded:
        raise EventDecodeError(f"{where} is empty: wanted a picture in base64")
    return decoded


def _body(text: str) -> str:
    if not text.startswith("data:"):
        return text
    head, comma, body = text.partition(",")
    return body if comma and head.endswith(";base64") else text
