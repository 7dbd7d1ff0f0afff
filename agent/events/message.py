"""A message as readers see it: value, headers, and the JSON in it, parsed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..untrusted.document import parse_document
from ..untrusted.text import MAX_ID_CHARACTERS, plain_text
from .headers import Headers
from .v2_binary import LENGTH_HEADER, split_value

_OBJECT = re.compile(rb"\s*\{")
_MAX_LENGTH_CHARACTERS = 64
_MAX_TYPE_BYTES = 256


@dataclass(frozen=True)
class Message:
    """A message's value and headers.

    Attributes:
        attributes: CloudEvents attributes and extensions of a structured envelope.
        parsed: the JSON object, where it came parsed with its envelope; None parses the value.
    """

    value: bytes
    headers: Headers = field(default_factory=Headers)
    attributes: Mapping[str, str] = field(default_factory=dict)
    parsed: Mapping[str, object] | None = None

    @cached_property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty when nothing says it."""
        value = self.headers.get("content-type") or self.headers.get("ce_datacontenttype") or b""
        declared = value[:_MAX_TYPE_BYTES].decode("latin-1")
        return media_type(declared or self.attributes.get("datacontenttype", ""))

    @cached_property
    def looks_like_json(self) -> bool:
        """Whether the value is, or claims to be, a JSON object."""
        declared = self.content_type.endswith(("/json", "+json"))
        return self.parsed is not None or declared or _OBJECT.match(self.value) is not None

    @cached_property
    def document(self) -> Mapping[str, object]:
        """The JSON object.

        Raises:
            EventError: there is none that can be read.
        """
        return parse_document(self._split[0]) if self.parsed is None else self.parsed

    @property
    def behind_json(self) -> bytes:
        """The bytes that follow the JSON."""
        return self._split[1] if self.parsed is None else b""

    @cached_property
    def _split(self) -> tuple[bytes, bytes]:
        length = self.headers.text(LENGTH_HEADER, max_characters=_MAX_LENGTH_CHARACTERS)
        return split_value(self.value, length)

    def cloudevent_text(self, name: str, *, max_characters: int = MAX_ID_CHARACTERS) -> str | None:
        """Return a CloudEvents attribute, of the headers or the envelope; None when there is none.

        Raises:
            EventSchemaError: it cannot be kept.
        """
        text = self.attributes.get(name)
        if text:
            return plain_text(text, f"attribute {name!r}", max_characters=max_characters)
        return self.headers.text(f"ce_{name}", max_characters=max_characters)


def media_type(text: str) -> str:
    """Return a media type in lower case, without its parameters.

    >>> media_type("Application/JSON; charset=utf-8")
    'application/json'
    """
    return text.partition(";")[0].strip().lower()
