"""Which dead letters a user selects, and what one pass over the topic finds about them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .letter import Letter, read_letter, replayed_names
from .letter_box import LetterBox


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant.

    Attributes:
        reason: in the error or the message, in any case of letters.
        since: of the event itself.
        names: as `Letter.name`; none are all.
    """

    reason: str | None = None
    since: datetime | None = None
    names: frozenset[str] = frozenset()

    def has(self, letter: Letter) -> bool:
        """Return whether *letter* is one of them."""
        wanted = (self.reason or "").casefold()
        moment = written_at(letter)
        return (
            wanted in f"{letter.error} {letter.message}".casefold()
            and (self.since is None or (moment is not None and moment >= self.since))
            and (not self.names or letter.name in self.names)
        )


@dataclass(slots=True)
class Found:
    """What one reading of the topic found.

    Attributes:
        chosen: the newest letters that are meant, without their values.
        reasons: how many of those that are meant have which error.
        replayed: names of letters that were sent again.
    """

    chosen: deque[dict[str, object]]
    reasons: Counter[str] = field(default_factory=Counter)
    replayed: set[str] = field(default_factory=set)

    @property
    def n_chosen(self) -> int:
        """Return how many are meant."""
        return self.reasons.total()


def look(box: LetterBox, choice: Choice, *, limit: int, on_record: Callable[[], None]) -> Found:
    """Read all of *box*, and keep the newest *limit* letters that are meant."""
    found = Found(deque(maxlen=limit))
    for record in box.records():
        on_record()
        found.replayed.update(replayed_names(record))
        letter = read_letter(record)
        if letter is not None and choice.has(letter):
            found.reasons[letter.error] += 1
            found.chosen.append(_row(letter))
    return found


def written_at(letter: Letter) -> datetime | None:
    """Return the event's own time, None when it has none that is a time."""
    milliseconds = letter.record.timestamp_ms
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds >= 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def _row(letter: Letter) -> dict[str, object]:
    return {
        "letter": letter.name,
        "time": written_at(letter),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "error": letter.error,
        "message": letter.message,
        "bytes": letter.n_bytes,
        "is_kept": letter.dropped_bytes is None,
        "attempt": letter.attempt,
        "agent": letter.agent,
    }
