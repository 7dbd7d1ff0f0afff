"""A schema registry's framing: a zero byte, the schema's number in four bytes, then the record."""

from __future__ import annotations

from collections.abc import Callable

from ...extras import install_command
from ..errors import EventSchemaError, EventUnsupported

ReadRecord = Callable[[bytes], dict[str, object]]
"""Reads a framed record; raises EventError."""

ReadBody = Callable[[bytes], dict[str, object]]
"""Reads a record of one schema, without the frame; raises EventError."""

_FRAME_BYTES = 5


def is_framed(value: bytes) -> bool:
    """Return whether *value* begins as a framed record does: with a zero byte, and is long enough."""
    return len(value) > _FRAME_BYTES and value[0] == 0


def split_frame(value: bytes) -> tuple[int, bytes]:
    """Return the schema's number and the record.

    Raises:
        EventSchemaError: it is not framed.
    """
    if not is_framed(value):
        raise EventSchemaError(
            f"the message is not in a schema registry's framing: got {len(value)} bytes that begin "
            f"with {value[:_FRAME_BYTES]!r}, wanted a zero byte and the schema's number"
        )
    return int.from_bytes(value[1:_FRAME_BYTES], "big"), value[_FRAME_BYTES:]


def no_registry(value: bytes) -> dict[str, object]:
    """Refuse every record: what holds until the settings name a registry.

    Raises:
        EventUnsupported: always.
    """
    number, _ = split_frame(value)
    raise EventUnsupported(
        "the message is not a picture, and begins like a record of a schema registry (schema id "
        f"{number}); to read such records set events.registry_url, and "
        f"{install_command('avro', 'protobuf')}"
    )
