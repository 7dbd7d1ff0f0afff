"""CloudEvents in Kafka's binary mode: the envelope is in ``ce_*`` headers, the value is data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..errors import EventSchemaError
from ..untrusted.text import MAX_ID_CHARACTERS, MAX_TIME_CHARACTERS, parse_time, printable

MAX_SAMPLED_RATE = 1_000_000
"""A sender's mistake must not outweigh everything else in a window."""


def header_text(headers: Mapping[str, bytes], name: str, *, max_characters: int) -> str | None:
    """Return a header's value as text, None when it is absent or empty.

    Raises:
        EventSchemaError: it is not UTF-8, too long, or has control characters, which databases
            refuse.
    """
    value = headers.get(name)
    if not value:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise EventSchemaError(
            f"header {name!r} is not text: got {value[:24]!r}, wanted UTF-8"
        ) from error
    return printable(text, f"header {name!r}", max_characters=max_characters)


def event_id(headers: Mapping[str, bytes]) -> str | None:
    """Return the CloudEvents id, None when there is none."""
    return header_text(headers, "ce_id", max_characters=MAX_ID_CHARACTERS)


def event_time(headers: Mapping[str, bytes]) -> datetime | None:
    """Return the CloudEvents time in UTC, None when there is none.

    Raises:
        EventSchemaError: it is not RFC 3339 with a zone, or before 1970.
    """
    text = header_text(headers, "ce_time", max_characters=MAX_TIME_CHARACTERS)
    return parse_time(text, "header 'ce_time'")


def sampled_rate(headers: Mapping[str, bytes], attributes: Mapping[str, str]) -> int:
    """Return how many events this one stands for: the CloudEvents extension ``sampledrate``, else 1.

    Args:
        attributes: of a structured envelope.

    Raises:
        EventSchemaError: it is no whole number, or out of bounds.
    """
    text = attributes.get("sampledrate") or header_text(
        headers, "ce_sampledrate", max_characters=MAX_ID_CHARACTERS
    )
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= MAX_SAMPLED_RATE):
        raise EventSchemaError(
            f"'sampledrate' cannot be used: got {text[:24]!r}, wanted a whole number from 1 to "
            f"{MAX_SAMPLED_RATE}"
        )
    return int(text)


def content_type(headers: Mapping[str, bytes]) -> str:
    """Return the media type in lower case, without parameters; empty when nothing says it."""
    value = headers.get("content-type") or headers.get("ce_datacontenttype") or b""
    return media_type(value[:256].decode("latin-1"))


def media_type(text: str) -> str:
    """Return a media type in lower case, without its parameters.

    >>> media_type("Application/JSON; charset=utf-8")
    'application/json'
    """
    return text.partition(";")[0].strip().lower()
