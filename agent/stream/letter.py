"""A dead letter: the record that could not be used, and what its added headers say."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from ..ports import Record

PREFIX = "dlq_"
"""Begins the name of every header that is added."""

ATTEMPT = f"{PREFIX}attempt"
REPLAYED = f"{PREFIX}replayed"
"""Header of a receipt: which letter was sent again; as often as there are letters."""

_OURS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("topic", "partition", "offset", "error", "message", "agent", "attempt"),
        *("dropped_bytes", "replayed"),
    )
)
_MAX_MESSAGE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter.

    Attributes:
        record: as stored in the dead-letter topic, with the added headers.
        topic: where the event came from; so partition and offset.
        attempt: how often the event was tried, 1 the first time.
        dropped_bytes: of a value that was too large to be kept, None of one that is there.
    """

    record: Record
    topic: str
    partition: int
    offset: int
    error: str
    message: str
    agent: str
    attempt: int
    dropped_bytes: int | None = None

    @property
    def name(self) -> str:
        """Return its place in the dead-letter topic: ``PARTITION@OFFSET``."""
        return f"{self.record.partition}@{self.record.offset}"

    @property
    def n_bytes(self) -> int:
        """Return the size of the event's value."""
        return self.dropped_bytes or len(self.record.value or b"")

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """Return the event's own headers."""
        return tuple(pair for pair in self.record.headers if pair[0] not in _OURS)

    def again(self) -> Record:
        """Return the event as it is to be sent again: untouched, but for the attempt in a header."""
        raised = (ATTEMPT, str(self.attempt + 1).encode())
        headers = (*self.headers(), raised)
        return replace(
            self.record, topic=self.topic, partition=self.partition, offset=-1, headers=headers
        )


def reasons(record: Record, *, error: str, message: str) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that say where *record* came from and what was wrong with it."""
    short = message[:_MAX_MESSAGE_CHARACTERS]
    return (
        (f"{PREFIX}topic", record.topic.encode()),
        (f"{PREFIX}partition", str(record.partition).encode()),
        (f"{PREFIX}offset", str(record.offset).encode()),
        (f"{PREFIX}error", error.encode()),
        (f"{PREFIX}message", short.encode(errors="replace")),
        (f"{PREFIX}agent", _version()),
        (ATTEMPT, str(_number(dict(record.headers), ATTEMPT, 1)).encode()),
    )


def read_letter(record: Record) -> Letter | None:
    """Return the letter in *record*, None when it is something else, such as a receipt."""
    headers = dict(record.headers)
    if f"{PREFIX}topic" not in headers or REPLAYED in headers:
        return None
    dropped = _number(headers, f"{PREFIX}dropped_bytes", -1)
    return Letter(
        record=record,
        topic=_text(headers, "topic"),
        partition=_number(headers, f"{PREFIX}partition", -1),
        offset=_number(headers, f"{PREFIX}offset", -1),
        error=_text(headers, "error"),
        message=_text(headers, "message"),
        agent=_text(headers, "agent"),
        attempt=_number(headers, ATTEMPT, 1),
        dropped_bytes=None if dropped < 0 else dropped,
    )


def receipt(names: Sequence[str]) -> list[tuple[str, bytes]]:
    """Return the headers of a receipt for letters that were sent again."""
    return [(REPLAYED, name.encode()) for name in names]


def replayed_names(record: Record) -> list[str]:
    """Return the letters that a receipt names, none when *record* is none."""
    return [value.decode(errors="replace") for name, value in record.headers if name == REPLAYED]


@cache
def _version() -> bytes:
    """It is read from a file."""
    return importlib.metadata.version("driftgauge").encode()


def _text(headers: Mapping[str, bytes], name: str) -> str:
    return headers.get(f"{PREFIX}{name}", b"").decode(errors="replace")


def _number(headers: Mapping[str, bytes], name: str, missing: int) -> int:
    """Headers come from outside: what is no number counts as missing."""
    text = headers.get(name, b"")
    return int(text) if text.isdigit() and len(text) <= len(str(2**63)) else missing
