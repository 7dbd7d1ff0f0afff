"""A Protobuf schema as a registry gives it: one file's descriptor, and those of what it imports."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import EventDecodeError, EventError, EventFetchError, EventUnsupported
from .client import RegistryClient

_MAX_FILES = 100
_WELL_KNOWN = {
    f"google/protobuf/{name}.proto": f"google.protobuf.{name}_pb2"
    for name in (
        "any", "api", "descriptor", "duration", "empty", "field_mask", "source_context", "struct",
        "timestamp", "type", "wrappers",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProtobufSchema:
    """A schema's messages.

    Attributes:
        file: the descriptor of the schema's own file, as a message.
        pool: has it and all that it imports.
    """

    number: int
    file: Any
    pool: Any

    @classmethod
    def asked(cls, client: RegistryClient, number: int) -> ProtobufSchema:
        """Return schema *number*, built from what the registry gives.

        Raises:
            EventFetchError: the registry is away, or what it gives is not a schema.
            EventUnsupported: it gives no serialized descriptors, or lacks one that is imported.
        """
        from google.protobuf.descriptor_pool import DescriptorPool

        own = f"schema-{number}.proto"
        files = _gathered(client, number, own)
        pool, missing = DescriptorPool(), list[str]()
        try:
            _add(own, files, pool, missing, set())
            pool.FindFileByName(own)
        except Exception as error:  # any: each implementation of protobuf has its own errors
            if missing:
                raise EventUnsupported(
                    f"schema {number} imports {', '.join(missing)[:200]}, which is missing "
                    "from its references in the registry"
                ) from error
            raise EventFetchError(
                f"schema {number} from the schema registry is invalid: {error!r:.200}"
            ) from error
        return cls(number, files[own], pool)

    def message_class(self, path: Sequence[int]) -> Any:
        """Return the class of the message at an index path.

        Raises:
            EventDecodeError: there is none.
        """
        from google.protobuf.message_factory import GetMessageClass

        kinds, names = list(self.file.message_type), list[str]()
        for index in path:
            if not 0 <= index < len(kinds):
                raise EventDecodeError(
                    f"Protobuf schema {self.number} has no message at the index path {list(path)}: "
                    f"got {index}, wanted less than {len(kinds)}"
                )
            names.append(kinds[index].name)
            # the path counts the messages of the schema's text; a map is one in descriptors only
            kinds = [one for one in kinds[index].nested_type if not one.options.map_entry]
        package = [self.file.package] if self.file.package else []
        return GetMessageClass(self.pool.FindMessageTypeByName(".".join(package + names)))


def _gathered(client: RegistryClient, number: int, own: str) -> dict[str, Any]:
    """Return the schema's file and those that it refers to, by the names that imports give them."""
    files: dict[str, Any] = {}
    waiting = [(own, number)]
    while waiting:
        name, wanted = waiting.pop()
        answer = _serialized(client, wanted)
        files[name] = _descriptor(answer, wanted)
        files[name].name = name
        for other, place in _references(answer, wanted):
            if other in files or other in _WELL_KNOWN or any(other == one for one, _ in waiting):
                continue
            if len(files) + len(waiting) >= _MAX_FILES:
                raise EventUnsupported(f"schema {number} refers to more than {_MAX_FILES} others")
            waiting.append((other, _number(client.ask(place, what=f"schema at {place}"), place)))
    return files


def _serialized(client: RegistryClient, number: int) -> dict[str, object]:
    try:
        return client.ask(
            f"/schemas/ids/{number}", "format=serialized", what=f"schema with id {number}"
        )
    except EventError as error:
        raise EventFetchError(
            f"{error}; Protobuf is read from registries that know ?format=serialized"
        ) from error


def _descriptor(answer: Mapping[str, object], number: int) -> Any:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.message import DecodeError

    try:
        text = str(answer.get("schema") or "no base64")
        return FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (ValueError, DecodeError) as error:
        raise EventUnsupported(
            f"the registry does not return schema {number} as a serialized file descriptor; Protobuf "
            "is read from registries that know ?format=serialized, as Confluent's does"
        ) from error


def _references(answer: Mapping[str, object], number: int) -> list[tuple[str, str]]:
    """Return name and place of each schema that the answer refers to."""
    listed = answer.get("references") or []
    try:
        return [
            (
                str(one["name"]),
                f"/subjects/{quote(one['subject'], safe='')}/versions/{int(one['version'])}",
            )
            for one in listed  # type: ignore[attr-defined] # what is not a list is caught
        ]
    except (TypeError, KeyError, ValueError) as error:
        raise EventFetchError(
            f"the registry's references of schema {number} cannot be read: {error!r:.160}"
        ) from error


def _number(answer: Mapping[str, object], place: str) -> int:
    number = answer.get("id")
    if not isinstance(number, int):
        raise EventFetchError(f"the schema registry gives no schema id at {place[:200]}")
    return number


def _add(
    name: str, files: Mapping[str, Any], pool: Any, missing: list[str], seen: set[str]
) -> None:
    """Add a file to the pool, after what it imports.

    An empty file stands in for one that is missing: many are imported for options only, and without
    those the messages are the same.
    """
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    if name in seen:
        return
    seen.add(name)
    file = files.get(name)
    if file is None:
        file = FileDescriptorProto(name=name)
        if name in _WELL_KNOWN:
            importlib.import_module(_WELL_KNOWN[name]).DESCRIPTOR.CopyToProto(file)
        else:
            missing.append(name)
    for other in file.dependency:
        _add(other, files, pool, missing, seen)
    pool.AddSerializedFile(file.SerializeToString())
