"""Sends dead letters back to the topic that they came from, and notes in receipts which ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ..errors import SourceUnavailable
from .connection import KafkaConnection
from .kafka_client import build_client, close_producer
from .letter import Letter, receipt

_MAX_LETTERS = 100
_MAX_BYTES = 8 * 1024 * 1024
_FLUSH_SECONDS = 30.0


@dataclass(slots=True)
class Outcome:
    """What became of the letters that were chosen, in numbers.

    Attributes:
        sent: stored by the broker in the topic that they came from.
        replayed: left, since they were sent before.
        worn_out: left, since they were tried as often as is allowed.
        dropped: left, since their value was too large to be kept.
        foreign: left, since they came from another topic.
        failed: not stored; they can be sent again.
    """

    sent: int = 0
    replayed: int = 0
    worn_out: int = 0
    dropped: int = 0
    foreign: int = 0
    failed: int = 0

    @property
    def refused(self) -> int:
        """Return how many cannot be sent."""
        return self.worn_out + self.dropped + self.foreign


@dataclass(slots=True)
class Sorting:
    """Tells which letters may be sent again.

    Attributes:
        topic: the only one that is sent to: a letter's headers are not to be trusted with more.
        max_attempts: an event is tried at most so often, the first time included.
        replayed: letters that were sent before, by name.
        again: send those as well.
    """

    topic: str
    max_attempts: int
    replayed: frozenset[str]
    again: bool = False
    outcome: Outcome = field(default_factory=Outcome)

    def may_go(self, letter: Letter) -> bool:
        """Return whether *letter* may be sent, and count it when not."""
        outcome = self.outcome
        if letter.name in self.replayed and not self.again:
            outcome.replayed += 1
        elif letter.topic != self.topic or letter.partition < 0:
            outcome.foreign += 1
        elif letter.dropped_bytes is not None:
            outcome.dropped += 1
        elif letter.attempt >= self.max_attempts:
            outcome.worn_out += 1
        else:
            return True
        return False


def replay(
    connection: KafkaConnection,
    letters: Iterable[Letter],
    *,
    topic: str,
    outcome: Outcome,
    dead_letter_topic: str,
    on_letter: Callable[[], None],
) -> Outcome:
    """Send *letters* and return *outcome* with what the broker stored of them.

    A letter is noted as sent after it is stored, some at a time: a process that dies in between
    leaves up to a hundred that the next replay sends again.

    Raises:
        SourceUnavailable: the broker does not answer, or did not store all; what it stored is noted.
    """
    with_room = connection.producer_options() | {"enable_idempotence": False}
    producer = build_client(
        KafkaProducer,
        connection,
        f"send to {topic}",
        max_request_size=64 * 1024 * 1024,
        **with_room,
    )
    waiting: list[Letter] = []
    try:
        for letter in letters:
            waiting.append(letter)
            n_bytes = sum(one.n_bytes for one in waiting)
            if len(waiting) >= _MAX_LETTERS or n_bytes >= _MAX_BYTES:
                _send(producer, waiting, outcome, dead_letter_topic, on_letter)
                waiting = []
        _send(producer, waiting, outcome, dead_letter_topic, on_letter)
    finally:
        close_producer(producer, _FLUSH_SECONDS)
    return outcome


def _send(
    producer: Any,
    letters: list[Letter],
    outcome: Outcome,
    dead_letter_topic: str,
    on_letter: Callable[[], None],
) -> None:
    if not letters:
        return
    futures, error = [], None
    for letter in letters:
        try:
            futures.append((letter, _queued(producer, letter)))
        except KafkaError as problem:
            error = problem
            break
    stored = []
    for letter, future in futures:
        try:
            future.get(timeout=_FLUSH_SECONDS)
            stored.append(letter.name)
            on_letter()
        except KafkaError as problem:
            error = problem
    outcome.sent += len(stored)
    outcome.failed += len(letters) - len(stored)
    if stored:
        noted = producer.send(dead_letter_topic, value=b"", headers=receipt(stored))
        noted.get(timeout=_FLUSH_SECONDS)
    if error is not None:
        raise SourceUnavailable(
            f"the broker did not store {len(letters) - len(stored)} of the letters: {error}; "
            f"{outcome.sent} are stored and noted",
            hint="run replay again: it continues with the remaining ones",
        ) from error


def _queued(producer: Any, letter: Letter) -> Any:
    record = letter.again()
    known = producer.partitions_for(record.topic) or ()
    return producer.send(
        record.topic,
        value=record.value if record.value is not None or record.key else b"",
        key=record.key,
        partition=record.partition if record.partition in known else None,
        headers=list(record.headers),
        timestamp_ms=record.timestamp_ms if record.timestamp_ms >= 0 else None,
    )
