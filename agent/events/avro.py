"""Avro records in a schema registry's framing, decoded by fastavro with the registry's schema."""

from __future__ import annotations

import base64
import io
import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import orjson

from ..errors import (
    EventDecodeError,
    EventError,
    EventFetchError,
    EventUnsupported,
    SettingsError,
)
from .address import parse_address
from .document import parse_document
from .http_get import Away, Moved, get
from .registry import split_frame

_ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_MAX_SCHEMA_BYTES = 4 * 1024 * 1024
_MAX_REMEMBERED = 1000
_REST_SECONDS = 10.0


@dataclass(slots=True)
class AvroReader:
    """Call it with a framed record. Safe in several threads.

    A schema never changes under its number, so it is asked for once; what the registry does not
    know is asked for again after some seconds.

    Args:
        url: the registry's, perhaps with a user name and a password.

    Raises:
        SettingsError: fastavro is not installed, or the address is none.
    """

    url: str = field(repr=False)
    timeout_seconds: float = 5.0
    tries: int = 3
    ca_file: str | None = None
    wait: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _schemas: dict[int, Any] = field(default_factory=dict)
    _unknown: dict[int, tuple[float, EventError]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        try:
            import fastavro  # noqa: F401 - looked for before the first message
        except ImportError as error:
            raise SettingsError(
                "events.registry_url is set, and fastavro is missing",
                hint="install driftgauge[avro]",
            ) from error
        try:
            parse_address(_split_login(self.url)[0])
        except EventFetchError as error:
            raise SettingsError(f"events.registry_url: {error}") from error

    def __call__(self, value: bytes) -> dict[str, object]:
        """Return the record as a dict.

        Raises:
            EventFetchError: the registry is away, or does not know the schema.
            EventUnsupported: the schema is not Avro's, or one that is not read.
            EventDecodeError: the bytes are not of the schema.
        """
        number, body = split_frame(value)
        schema = self._schema(number)
        from fastavro import schemaless_reader

        source = io.BytesIO(body)
        try:
            found = schemaless_reader(source, schema, None)
        except Exception as error:  # any: fastavro lets through what the bytes provoke
            raise EventDecodeError(
                f"the record is not of Avro schema {number}: {error!r:.160}; got {len(body)} bytes"
            ) from error
        if not isinstance(found, dict) or source.tell() != len(body):
            raise EventDecodeError(
                f"the record is not of Avro schema {number}: {len(body) - source.tell()} of "
                f"{len(body)} bytes are left over, or it is no record"
            )
        return found

    def _schema(self, number: int) -> Any:
        with self._lock:  # one thread asks, the others wait for its answer
            if number in self._schemas:
                return self._schemas[number]
            until, known = self._unknown.get(number, (0.0, EventFetchError()))
            if self.clock() < until:
                raise type(known)(str(known))
            try:
                self._schemas[number] = _parsed(self._asked(number), number)
            except EventError as error:
                self._forget_many()
                self._unknown[number] = (self.clock() + _REST_SECONDS, error)
                raise
            return self._schemas[number]

    def _forget_many(self) -> None:
        if len(self._unknown) >= _MAX_REMEMBERED:
            self._unknown.clear()

    def _asked(self, number: int) -> dict[str, object]:
        place, headers = _split_login(self.url)
        address = parse_address(f"{place.rstrip('/')}/schemas/ids/{number}")
        reason: Exception | None = None
        for attempt in range(self.tries):
            if attempt:
                self.wait(0.1 * 2**attempt)
            try:
                answer = get(
                    address,
                    networks=_ANYWHERE,
                    max_bytes=_MAX_SCHEMA_BYTES,
                    timeout_seconds=self.timeout_seconds,
                    ca_file=self.ca_file,
                    headers=headers,
                )
                return parse_document(answer)
            except Away as error:
                reason = error
            except Moved as error:
                raise EventFetchError(f"the schema registry redirects {address}") from error
        raise EventFetchError(
            f"the schema registry is away, tried {self.tries} times for {address}: {reason}; "
            "`driftgauge dlq replay` sends the event again when it is back"
        ) from reason


def _parsed(answer: dict[str, object], number: int) -> Any:
    from fastavro import parse_schema

    kind = answer.get("schemaType") or "AVRO"
    if kind != "AVRO" or answer.get("references"):
        what = "refers to others" if kind == "AVRO" else f"is {str(kind)[:24]}"
        raise EventUnsupported(f"schema {number} {what}, which is not read; wanted one in Avro")
    try:
        schema = orjson.loads(str(answer.get("schema")))
        is_recursive = _is_recursive(schema, ())
        parsed = parse_schema(schema)
    except Exception as error:  # any: what the registry gives is no schema
        raise EventFetchError(f"the registry's schema {number} is none: {error!r:.160}") from error
    if is_recursive:
        raise EventUnsupported(
            f"schema {number} contains itself, which is not read: its records can be nested "
            "without end"
        )
    return parsed


def _is_recursive(schema: object, above: tuple[str, ...]) -> bool:
    if isinstance(schema, str):
        return schema.rpartition(".")[2] in above
    if isinstance(schema, list):
        return any(_is_recursive(member, above) for member in schema)
    if not isinstance(schema, dict):
        return False
    if "fields" in schema:
        inside = (*above, str(schema.get("name", "")).rpartition(".")[2])
        return any(_is_recursive(one.get("type"), inside) for one in schema["fields"])
    return any(_is_recursive(schema.get(name), above) for name in ("type", "items", "values"))


def _split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without user name and password, and the header that holds them."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(place), {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
