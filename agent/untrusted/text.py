"""Text and times from outside, held to what a database can keep."""

from __future__ import annotations

from datetime import UTC, datetime

from ..errors import EventSchemaError

MAX_ID_CHARACTERS = 512
MAX_SEGMENT_CHARACTERS = 128
MAX_TIME_CHARACTERS = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MILLISECONDS = 1e11
"""Numbers below are seconds: 1e11 s is the year 5138, 1e11 ms is 1973."""


def printable(text: str, where: str, *, max_characters: int) -> str:
    """Return *text* when it can be kept.

    Args:
        where: what holds it, such as ``header 'camera'``.

    Raises:
        EventSchemaError: it is too long, or has control characters, which databases refuse.
    """
    if len(text) > max_characters or not text.isprintable():
        raise EventSchemaError(
            f"{where} cannot be kept: got {len(text)} characters, {text[:24]!r}..., "
            f"wanted at most {max_characters} printable ones"
        )
    return text


def scalar_text(value: object, where: str, *, max_characters: int) -> str | None:
    """Return a JSON text, number or truth value as text, None for null and the empty text.

    Raises:
        EventSchemaError: it is a list or an object, or cannot be kept.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise EventSchemaError(
            f"{where} is no single value: got {type(value).__name__}, wanted text or a number"
        )
    return printable(str(value), where, max_characters=max_characters)


def parse_time(value: object, where: str) -> datetime | None:
    """Return the moment that *value* names in UTC, None when there is none.

    Args:
        value: RFC 3339 text with a zone, or seconds or milliseconds since 1970.
        where: what holds it, such as ``header 'ce_time'``.

    Raises:
        EventSchemaError: it is none of these, or before 1970.
    """
    if value is None or value == "":
        return None
    try:
        moment = _moment(value)
    except (ValueError, OverflowError, OSError) as error:
        raise _bad_time(value, where) from error
    if moment is None or moment < _EPOCH:
        raise _bad_time(value, where)
    return moment


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value if abs(value) < _FIRST_MILLISECONDS else value / 1000
        return datetime.fromtimestamp(seconds, UTC)
    if not isinstance(value, str) or len(value) > MAX_TIME_CHARACTERS:
        return None
    moment = datetime.fromisoformat(value.upper())
    return moment.astimezone(UTC) if moment.tzinfo else None


def _bad_time(value: object, where: str) -> EventSchemaError:
    return EventSchemaError(
        f"{where} is no time: got {str(value)[:80]!r}, wanted RFC 3339 with a zone, from 1970 on, "
        "such as 2026-01-31T12:00:00Z"
    )
