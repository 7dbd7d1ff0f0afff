"""Records in a schema registry's framing, read with the registry's schema."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ...extras import install_command
from ..errors import EventError, EventUnsupported, SettingsError
from ..untrusted.text import shown
from .avro import AvroBody
from .client import RegistryClient
from .frame import ReadBody, split_frame
from .protobuf import ProtobufBody

_MAX_REMEMBERED = 1000
_REST_SECONDS = 10.0
_QUESTIONS = 64
"""So many schemas are asked for at a time."""


@dataclass(slots=True)
class RecordReader:
    """Call it with a framed record. Safe in several threads.

    A schema never changes under its number, so it is asked for once, and nobody waits for a question
    about another one; what the registry does not know is asked for again after some seconds.

    Raises:
        SettingsError: nothing is installed that reads records.
    """

    client: RegistryClient
    clock: Callable[[], float] = time.monotonic
    _bodies: dict[int, ReadBody] = field(default_factory=dict)
    _unknown: dict[int, tuple[float, EventError]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: tuple[threading.Lock, ...] = field(
        default_factory=lambda: tuple(threading.Lock() for _ in range(_QUESTIONS))
    )

    def __post_init__(self) -> None:
        if not any(map(_is_installed, ("fastavro", "google.protobuf"))):
            raise SettingsError(
                "events.registry_url is set, and both fastavro and protobuf are missing",
                hint=install_command("avro", "protobuf"),
            )

    def __call__(self, value: bytes) -> dict[str, object]:
        """Return the record as a dict.

        Raises:
            EventFetchError: the registry is away, or does not know the schema.
            EventUnsupported: the schema is one that is not read with what is installed.
            EventDecodeError: the bytes are not of the schema.
        """
        number, body = split_frame(value)
        return self._body(number)(body)

    def _body(self, number: int) -> ReadBody:
        known = self._bodies.get(number)
        if known is not None:  # without a lock: a question about another schema may take its time
            return known
        self._refuse_unknown(number)
        with self._asking[
            number % len(self._asking)
        ]:  # one thread asks, others wait for its answer
            if number in self._bodies:
                return self._bodies[number]
            self._refuse_unknown(number)
            try:
                self._bodies[number] = self._asked(number)
            except EventError as error:
                self._remember_unknown(number, error)
                raise
            return self._bodies[number]

    def _refuse_unknown(self, number: int) -> None:
        until, reason = self._unknown.get(number, (0.0, None))
        if reason is not None and self.clock() < until:
            raise type(reason)(str(reason)) from reason

    def _remember_unknown(self, number: int, error: EventError) -> None:
        with self._lock:
            if len(self._unknown) >= _MAX_REMEMBERED:
                self._unknown.clear()
            self._unknown[number] = (self.clock() + _REST_SECONDS, error)

    def _asked(self, number: int) -> ReadBody:
        answer = self.client.ask(f"/schemas/ids/{number}", what=f"schema with id {number}")
        kind = str(answer.get("schemaType") or "AVRO")
        if kind == "AVRO":
            return AvroBody.of(answer, number)
        if kind == "PROTOBUF":
            return ProtobufBody.of(self.client, number)
        raise EventUnsupported(
            f"schema {number} is {shown(kind)}, which is not read; wanted Avro or Protobuf"
        )


def _is_installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
