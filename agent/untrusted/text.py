"""Text and times from outside: the one gate that they pass before they are kept or shown.

What is kept (ids, segments, names) is bounded and free of what a database refuses or a terminal obeys;
else the event is at fault. What is shown (in reasons, in the log) is escaped and shortened.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from ..errors import EventSchemaError
from ..log import escaped

MAX_ID_CHARACTERS = 512
MAX_SEGMENT_CHARACTERS = 128
MAX_TIME_CHARACTERS = 64
MAX_SHOWN_CHARACTERS = 48
MAX_REASON_CHARACTERS = 1000

_JOINERS = "\u200c\u200d"
"""Zero-width, and part of how Persian, Indic scripts and emoji are written."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MILLISECONDS = 1e11
"""Numbers below are seconds: 1e11 s is the year 5138, 1e11 ms is 1973."""


def is_plain(text: str) -> bool:
    r"""Return whether *text* has printable characters and spaces of any script only.

    Control characters, escape sequences, line breaks, marks that change the direction of writing, lone
    surrogates and unassigned characters are not plain.

    >>> is_plain("Halle\u00a03"), is_plain("a\x1b[2J"), is_plain("a\u202eb")
    (True, False, False)
    """
    return text.isprintable() or all(map(_is_plain_character, text))


def _is_plain_character(character: str) -> bool:
    is_space = unicodedata.category(character) == "Zs"
    return character.isprintable() or is_space or character in _JOINERS


def plain_text(text: str, where: str, *, max_characters: int) -> str:
    """Return *text* when it can be kept.

    Args:
        where: what holds it, such as ``header 'camera'``.

    Raises:
        EventSchemaError: it is too long, or has characters that are not plain.
    """
    if len(text) > max_characters or not is_plain(text):
        raise EventSchemaError(
            f"{where} cannot be kept: got {len(text)} characters, {text[:MAX_SHOWN_CHARACTERS]!r}, "
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
            f"{where} is not a single value: got {type(value).__name__}, wanted text or a number"
        )
    return plain_text(str(value), where, max_characters=max_characters)


def label_text(value: object, where: str) -> str | None:
    """Return the value of a segment, None for null and the empty text.

    One name has one spelling: accents that follow their letter (as some file systems write them)
    are joined with it (Unicode's form NFC).

    Args:
        value: a header's text, a field's value, a folder's name.

    Raises:
        EventSchemaError: it is a list or an object, or cannot be kept.
    """
    text = scalar_text(value, where, max_characters=MAX_SEGMENT_CHARACTERS)
    if text is None:
        return None
    joined = unicodedata.normalize("NFC", text)
    return plain_text(joined, where, max_characters=MAX_SEGMENT_CHARACTERS)


def shown(text: str, max_characters: int = MAX_SHOWN_CHARACTERS) -> str:
    r"""Return *text* in quotes for a message: escaped, and shortened with its length.

    >>> print(shown("a\x1b[2J" + "b" * 9999))
    'a\x1b[2Jbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'... (10004 characters)
    """
    quoted = repr(text[:max_characters])
    return quoted if len(text) <= max_characters else f"{quoted}... ({len(text)} characters)"


def reason_text(text: str) -> str:
    """Return *text* as the reason of a refusal: on one line, escaped, and shortened.

    It may quote a text from outside without `shown`, such as another library's error.
    """
    plain = escaped(text[:MAX_REASON_CHARACTERS])
    if max(len(plain), len(text)) <= MAX_REASON_CHARACTERS:
        return plain
    return f"{plain[: MAX_REASON_CHARACTERS - 3]}..."


def parse_time(value: object, where: str) -> datetime | None:
    """Return the moment that *value* names in UTC, None when there is none.

    Args:
        value: RFC 3339 text with a zone, or seconds or milliseconds since 1970.
        where: what holds it, such as ``header 'ce_time'``.

    Raises:
        EventSchemaError: it is something else, or before 1970.
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
        f"{where} is not a time: got {shown(str(value), MAX_TIME_CHARACTERS)}, wanted RFC 3339 with a zone, from 1970 on, "
        "such as 2026-01-31T12:00:00Z"
    )
