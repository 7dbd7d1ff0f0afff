"""A record's headers: the one place where their names are compared and their values become text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from ..errors import EventSchemaError
from ..untrusted.text import plain_text

_SHOWN = 24


@lru_cache(maxsize=1024)
def folded(name: str) -> str:
    """Return a header's name as it is compared: ``Ce-Id``, ``CE_ID`` and ``ce_id`` are one.

    HTTP has no case in names, and gateways and clients turn hyphens into underscores and back.

    >>> folded("Inference-Header-Content-Length")
    'inference_header_content_length'
    """
    return name.lower().replace("-", "_")


class Headers(Mapping[str, bytes]):
    """Name to value, whatever the case; of a repeated header the last counts."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, bytes]] = ()) -> None:
        self._values = {folded(name): value for name, value in pairs}

    def __getitem__(self, name: str) -> bytes:
        return self._values[folded(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def over(self, own: Mapping[str, bytes]) -> Headers:
        """Return these with *own* laid over them."""
        return Headers([*self._values.items(), *own.items()])

    def text(self, name: str, *, max_characters: int) -> str | None:
        """Return a header's value as text, None when it is absent or empty.

        Raises:
            EventSchemaError: it is not UTF-8, or cannot be kept.
        """
        value = self._values.get(folded(name))
        if not value:
            return None
        try:
            text = value.decode()
        except UnicodeDecodeError as error:
            raise EventSchemaError(
                f"header {name!r} is not text: got {value[:_SHOWN]!r}, wanted UTF-8"
            ) from error
        return plain_text(text, f"header {name!r}", max_characters=max_characters)
