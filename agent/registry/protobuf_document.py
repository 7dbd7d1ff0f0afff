"""A Protobuf message as the document that field settings look into, bounded in its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import EventDecodeError

MAX_VALUES = 1_000_000
MAX_MESSAGES = 100_000
"""A repeated message that is empty takes two bytes on the wire and a hundred times that here."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP = "google.protobuf.Timestamp"
_WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


@dataclass(slots=True)
class Documents:
    """Makes one message's document: fields by their names in the schema.

    What Avro gives too: bytes are bytes, enums the names of their values, timestamps aware, and
    what is not there is None. That is a field with presence that is not set, and text or bytes
    without presence that are empty, since nothing was sent. Numbers without presence are 0.
    """

    _n_values: int = 0
    _n_messages: int = 0
    _absent: dict[str, dict[str, object]] = field(default_factory=dict)

    def of(self, message: Any) -> dict[str, object]:
        """Return *message* as a dict.

        Raises:
            EventDecodeError: it has too many values.
        """
        kind = message.DESCRIPTOR
        absent = self._absent.get(kind.full_name)
        if absent is None:
            absent = {one.name: _absent(one) for one in kind.fields}
            self._absent[kind.full_name] = absent
        self._n_messages += 1
        self._spend(len(absent))
        found = dict(absent)
        for one, value in message.ListFields():
            if not one.is_extension:
                found[one.name] = self._field(one, value)
        return found

    def _field(self, one: Any, value: Any) -> object:
        if not _is_repeated(one):
            return self._value(one, value)
        self._spend(len(value))
        if not _is_map(one):
            return [self._value(one, item) for item in value]
        inner = one.message_type.fields_by_name["value"]
        return {_key(key): self._value(inner, item) for key, item in value.items()}

    def _value(self, one: Any, value: Any) -> object:
        if one.enum_type is not None:
            return _enum(one, value)
        if one.message_type is None:
            return value
        name = one.message_type.full_name
        if name == _TIMESTAMP:
            return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
        return value.value if name in _WRAPPERS else self.of(value)

    def _spend(self, n: int) -> None:
        self._n_values += n
        if self._n_values > MAX_VALUES or self._n_messages > MAX_MESSAGES:
            raise EventDecodeError(
                f"the Protobuf message has too many values: got {self._n_values} and more in "
                f"{self._n_messages} messages, wanted at most {MAX_VALUES} and {MAX_MESSAGES}"
            )


def _absent(one: Any) -> object:
    """Return the value of a field that was not sent."""
    if _is_repeated(one):
        return {} if _is_map(one) else []
    default = one.default_value
    if not one.has_default_value and (one.has_presence or default in ("", b"")):
        return None
    return default if one.enum_type is None else _enum(one, default)


def _enum(one: Any, value: int) -> object:
    known = one.enum_type.values_by_number.get(value)
    return value if known is None else known.name


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _is_map(one: Any) -> bool:
    return one.message_type is not None and bool(one.message_type.GetOptions().map_entry)


def _is_repeated(one: Any) -> bool:
    if hasattr(one, "is_repeated"):
        return bool(one.is_repeated)
    return bool(one.label == one.LABEL_REPEATED)  # protobuf 5 has no other way, and 7 not this one
