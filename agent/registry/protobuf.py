"""Protobuf messages, decoded with the descriptors that a schema registry gives.

References:
    Confluent, "Formats, serializers, and deserializers", wire format: before the message stands
    its index path, an array of zig-zag variable-length numbers; a single 0 is short for [0].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...extras import install_command
from ..errors import EventDecodeError, EventError, MissingPackage
from .client import RegistryClient
from .protobuf_document import Documents
from .protobuf_schema import ProtobufSchema

_MAX_DEPTH = 32
_MAX_NUMBER_BYTES = 5


@dataclass(frozen=True, slots=True)
class ProtobufBody:
    """Call it with an index path and its message, without the frame. Safe in several threads."""

    number: int
    schema: ProtobufSchema

    @classmethod
    def of(cls, client: RegistryClient, number: int) -> ProtobufBody:
        """Return the reader for schema *number*.

        Raises:
            EventFetchError: the registry is away, or what it gives is not a schema.
            EventUnsupported: the schema cannot be had in the form that is read.
            MissingPackage: protobuf is not installed.
        """
        try:
            from google.protobuf.message_factory import GetMessageClass  # noqa: F401 - looked for
        except ImportError as error:
            raise MissingPackage(
                f"schema {number} is a Protobuf schema, and the package protobuf is not installed",
                hint=install_command("protobuf"),
            ) from error
        return cls(number, ProtobufSchema.asked(client, number))

    def __call__(self, body: bytes) -> dict[str, object]:
        """Return the message as a dict of its fields by name.

        Raises:
            EventDecodeError: the bytes are not of the schema, or of too many values.
        """
        path, start = split_path(body)
        kind = self.schema.message_class(path)
        try:
            message: Any = kind.FromString(body[start:])
            return Documents().of(message)
        except EventError:
            raise
        except Exception as error:  # any: what the bytes provoke, also invalid times and text
            raise EventDecodeError(
                f"the message is not of Protobuf schema {self.number}: {error!r:.160}; got "
                f"{len(body)} bytes"
            ) from error


def split_path(body: bytes) -> tuple[Sequence[int], int]:
    """Return the index path before a message, and where the message begins.

    >>> split_path(bytes([0, 9])), split_path(bytes([4, 2, 0, 9]))
    (([0], 1), ([1, 0], 3))

    Raises:
        EventDecodeError: there is no such path.
    """
    n, at = _number(body, 0)
    if n == 0:
        return [0], at
    if not 0 < n <= _MAX_DEPTH:
        raise EventDecodeError(
            f"the Protobuf message's index path cannot be read: got {n} numbers, wanted 1 to {_MAX_DEPTH}"
        )
    path = []
    for _ in range(n):
        index, at = _number(body, at)
        path.append(index)
    return path, at


def _number(body: bytes, start: int) -> tuple[int, int]:
    found = 0
    for place, byte in enumerate(body[start : start + _MAX_NUMBER_BYTES]):
        found |= (byte & 127) << 7 * place
        if byte < 128:  # noqa: PLR2004 - the last byte has no high bit
            return found >> 1 ^ -(found & 1), start + place + 1
    raise EventDecodeError(
        f"the Protobuf message's index path cannot be read: it begins with {body[:8]!r} of {len(body)} "
        "bytes"
    )
