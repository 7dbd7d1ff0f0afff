"""CloudEvents in Kafka's binary mode: the envelope is in ``ce_*`` headers, the value is data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ..errors import EventSchemaError

MAX_ID_CHARACTERS = 512
MAX_SEGMENT_CHARACTERS = 128

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    if len(text) > max_characters or not text.isprintable():
        raise EventSchemaError(
            f"header {name!r} cannot be kept: got {len(text)} characters, {text[:24]!r}..., "
            f"wanted at most {max_characters} printable ones"
        )
    return text


def event_id(headers: Mapping[str, bytes]) -> str | None:
    """Return the CloudEvents id, None when there is none."""
    return header_text(headers, "ce_id", max_characters=MAX_ID_CHARACTERS)


def event_time(headers: Mapping[str, bytes]) -> datetime | None:
    """Return the CloudEvents time in UTC, None when there is none.

    Raises:
        EventSchemaError: it is not RFC 3339 with a zone, or before 1970.
    """
    text = header_text(headers, "ce_time", max_characters=64)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise _bad_time(text) from error
    if moment.tzinfo is None:
        raise _bad_time(text)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise _bad_time(text) from error
    if moment < _EPOCH:
        raise _bad_time(text)
    return moment


def _bad_time(text: str) -> EventSchemaError:
    return EventSchemaError(
        f"header 'ce_time' is no time: got {text!r}, wanted RFC 3339 with a zone, from 1970 on, "
        "such as 2026-01-31T12:00:00Z"
    )
