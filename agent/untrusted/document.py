"""JSON from outside: bounded in size, depth and number of values before anything is built."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from ..errors import EventDecodeError, EventSchemaError

MAX_VALUES = 2_000_000
MAX_CONTAINERS = 500_000
"""A picture of 640 x 480 as lists of numbers has 1.2 million values in 310,000 lists."""

_SHOWN = 24
_NO_NUMBER = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|-?(?:NaN|Infinity)', re.DOTALL)
"""A text, even one without an end, which so is gone through once; or what JavaScript, Python and
others write for what is not a number."""


def parse_document(value: bytes) -> dict[str, object]:
    """Return the JSON object in *value*.

    orjson refuses more than 1,024 levels and text that is not UTF-8. NaN and Infinity, which JSON has
    not and many libraries write, are null, so that one in a field that nobody asks for costs nothing.
    The number of values is bounded here: a list of empty lists takes forty times its text in memory.

    Raises:
        EventDecodeError: it is not a JSON object, or has too many values.
    """
    n_containers = value.count(b"[") + value.count(b"{")
    n_values = value.count(b",") + n_containers
    if n_values > MAX_VALUES or n_containers > MAX_CONTAINERS:
        raise EventDecodeError(
            f"the JSON has too many values: got about {n_values} and {n_containers} lists or "
            f"objects, wanted at most {MAX_VALUES} and {MAX_CONTAINERS}; send pictures as JPEG or "
            "PNG in base64, not as lists of numbers"
        )
    try:
        document = _loads(value)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise EventDecodeError(
            f"the message is not JSON: {error}; got {len(value)} bytes that begin with "
            f"{value[:_SHOWN]!r}"
        ) from error
    if not isinstance(document, dict):
        raise EventDecodeError(
            f"the JSON is not an object: got {type(document).__name__}, wanted one such as "
            '{"image": "BASE64"}'
        )
    return document


def _loads(value: bytes) -> object:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        if b"NaN" not in value and b"Infinity" not in value:
            raise
        return orjson.loads(_NO_NUMBER.sub(_null_for_no_number, value))


def _null_for_no_number(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return text if text.startswith(b'"') else b"null"


def field_at(document: object, path: str) -> object:
    """Return the value at a dotted path, None if there is none.

    >>> field_at({"site": {"line": 3}}, "site.line")
    3
    """
    found: object = document
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def as_object(value: object, where: str) -> Mapping[str, object]:
    """Return *value* when it is an object.

    Raises:
        EventSchemaError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise EventSchemaError(f"{where} is not an object: got {type(value).__name__}")
    return value


def as_list(value: object, where: str) -> list[object]:
    """Return *value* when it is a list that is not empty.

    Raises:
        EventSchemaError: it is something else.
    """
    if not isinstance(value, list) or not value:
        raise EventSchemaError(
            f"{where} is not a list with at least one value: got {type(value).__name__}"
        )
    return value
