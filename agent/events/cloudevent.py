"""CloudEvents attributes that every message may have, in ``ce_*`` headers or in an envelope."""

from __future__ import annotations

from datetime import datetime

from ..errors import EventSchemaError
from ..untrusted.text import MAX_ID_CHARACTERS, MAX_TIME_CHARACTERS, parse_time, shown
from .message import Message

MAX_SAMPLED_RATE = 1_000_000
"""A sender's mistake must not outweigh everything else in a window."""

_MAX_DIGITS = 20


def event_time(message: Message) -> datetime | None:
    """Return the time in the headers in UTC, None when there is none.

    Raises:
        EventSchemaError: it is not RFC 3339 with a zone, or before 1970.
    """
    text = message.headers.text("ce_time", max_characters=MAX_TIME_CHARACTERS)
    return parse_time(text, "header 'ce_time'")


def sampled_rate(message: Message) -> int:
    """Return how many events this one represents: the CloudEvents extension ``sampledrate``, else 1.

    Raises:
        EventSchemaError: it is not a whole number, or out of bounds.
    """
    text = message.cloudevent_text("sampledrate", max_characters=MAX_ID_CHARACTERS)
    if text is None:
        return 1
    is_number = text.isascii() and text.isdigit()
    if not (is_number and 1 <= int(text[:_MAX_DIGITS]) <= MAX_SAMPLED_RATE):
        raise EventSchemaError(
            f"'sampledrate' cannot be used: got {shown(text)}, wanted a whole number from 1 to "
            f"{MAX_SAMPLED_RATE}"
        )
    return int(text)
