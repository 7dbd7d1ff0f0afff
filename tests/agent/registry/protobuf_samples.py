"""A Protobuf schema as a registry gives it, and messages of it, encoded by hand.

The schema in words, in the order of the index paths::

    message Ping {}
    message Frame {
      string frame_id = 1;
      google.protobuf.Timestamp taken_at = 2;
      Site site = 3;
      bytes image = 4;
      repeated string labels = 5;
      map<int32, Site> notes = 6;
      Frame before = 7;
      google.protobuf.StringValue camera = 8;
      repeated uint32 sizes = 9;
      message Thumb { bytes image = 1; }
      enum Kind { UNKNOWN = 0; RAW = 1; }
      Kind kind = 10;
    }
    message Site { int32 line = 1; optional int32 place = 2; string hall = 3; }
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from tests.agent.records import jpeg

from ..events.samples import as_json
from ..fetch.site import Site, answer

TAKEN_SECONDS = 1_770_091_506
FILE = """
    name: "default" package: "line" syntax: "proto3"
    dependency: ["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"]
    message_type { name: "Ping" }
    message_type {
        name: "Frame"
        field { name: "frame_id" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
        field { name: "taken_at" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
                type_name: ".google.protobuf.Timestamp" }
        field { name: "site" number: 3 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".line.Site" }
        field { name: "image" number: 4 label: LABEL_OPTIONAL type: TYPE_BYTES }
        field { name: "labels" number: 5 label: LABEL_REPEATED type: TYPE_STRING }
        field { name: "notes" number: 6 label: LABEL_REPEATED type: TYPE_MESSAGE
                type_name: ".line.Frame.NotesEntry" }
        field { name: "before" number: 7 label: LABEL_OPTIONAL type: TYPE_MESSAGE
                type_name: ".line.Frame" }
        field { name: "camera" number: 8 label: LABEL_OPTIONAL type: TYPE_MESSAGE
                type_name: ".google.protobuf.StringValue" }
        field { name: "sizes" number: 9 label: LABEL_REPEATED type: TYPE_UINT32 }
        field { name: "kind" number: 10 label: LABEL_OPTIONAL type: TYPE_ENUM
                type_name: ".line.Frame.Kind" }
        nested_type {
            name: "NotesEntry" options { map_entry: true }
            field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
            field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
                    type_name: ".line.Site" }
        }
        nested_type {
            name: "Thumb"
            field { name: "image" number: 1 label: LABEL_OPTIONAL type: TYPE_BYTES }
        }
        enum_type { name: "Kind" value { name: "UNKNOWN" number: 0 } value { name: "RAW" number: 1 } }
    }
"""
SITE = """
    message_type {
        name: "Site"
        field { name: "line" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
        field { name: "place" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32
                oneof_index: 0 proto3_optional: true }
        field { name: "hall" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING }
        oneof_decl { name: "_place" }
    }
"""


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def member(number: int, value: int | bytes) -> bytes:
    """Return one field on the wire."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def path(*indices: int) -> bytes:
    """Return an index path, in zig-zag numbers."""
    return b"".join(varint(number << 1) for number in (len(indices), *indices))


def framed(body: bytes, *indices: int, number: int = 7) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + path(*indices) + body


@cache
def frame() -> bytes:
    """Return a Frame with something in every field but one."""
    return b"".join([
        member(1, b"f-1"), member(2, member(1, TAKEN_SECONDS) + member(2, 5000)),
        member(3, member(1, 4)), member(4, jpeg()), member(5, b"a"), member(5, b"b"),
        member(6, member(1, 3) + member(2, member(2, 9))), member(8, member(1, b"cam")),
        member(9, varint(300) + varint(2)), member(10, 1), member(500, b"of a later version"),
    ])  # fmt: skip


def serve_schema(
    site: Site, text: str = FILE + SITE, *, number: int = 7, references: Any = ()
) -> None:
    """Let *site* answer for a schema as Confluent's registry does."""
    from google.protobuf import descriptor_pb2, text_format

    file = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
    serialized = base64.b64encode(file.SerializeToString()).decode()
    about = {"schemaType": "PROTOBUF", "references": list(references)}
    readable = about | {"schema": 'syntax = "proto3";'}
    site.answers[f"/schemas/ids/{number}"] = answer(200, as_json(readable))
    site.answers[f"/schemas/ids/{number}?format=serialized"] = answer(
        200, as_json(about | {"schema": serialized})
    )
