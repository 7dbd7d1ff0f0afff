"""Avro records, decoded by fastavro with the registry's schema."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ...extras import install_command
from ..errors import EventDecodeError, EventFetchError, EventUnsupported, MissingPackage


@dataclass(frozen=True, slots=True)
class AvroBody:
    """Call it with a record's bytes, without the frame. Safe in several threads.

    Attributes:
        schema: as fastavro parses it.
    """

    number: int
    schema: Any

    @classmethod
    def of(cls, answer: Mapping[str, object], number: int) -> AvroBody:
        """Return the reader for what a registry answers about schema *number*.

        Raises:
            EventFetchError: that is not a schema.
            EventUnsupported: it is one that is not read.
            MissingPackage: fastavro is not installed.
        """
        try:
            from fastavro import parse_schema
        except ImportError as error:
            raise MissingPackage(
                f"schema {number} is an Avro schema, and the package fastavro is not installed",
                hint=install_command("avro"),
            ) from error
        if answer.get("references"):
            raise EventUnsupported(f"schema {number} in Avro refers to others, which is not read")
        try:
            schema = orjson.loads(str(answer.get("schema")))
            is_recursive = _is_recursive(schema, ())
            parsed = parse_schema(schema)
        except Exception as error:  # any: what the registry gives is not a schema
            raise EventFetchError(
                f"schema {number} from the schema registry is not a valid Avro schema: {error!r:.160}"
            ) from error
        if is_recursive:
            raise EventUnsupported(
                f"schema {number} contains itself, which is not read: its records can be nested "
                "without end"
            )
        return cls(number, parsed)

    def __call__(self, body: bytes) -> dict[str, object]:
        """Return the record as a dict.

        Raises:
            EventDecodeError: the bytes are not of the schema.
        """
        from fastavro import schemaless_reader

        source = io.BytesIO(body)
        try:
            found = schemaless_reader(source, self.schema, None)
        except Exception as error:  # any: fastavro lets through what the bytes provoke
            raise EventDecodeError(
                f"the record is not of Avro schema {self.number}: {error!r:.160}; got {len(body)} "
                "bytes"
            ) from error
        if not isinstance(found, dict) or source.tell() != len(body):
            raise EventDecodeError(
                f"the record is not of Avro schema {self.number}: {len(body) - source.tell()} of "
                f"{len(body)} bytes are left over, or it is not a record"
            )
        return found


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
