"""How far each partition is: in the database, counted in memory, and accepted from the source.

A record is accepted once, counted once, and in the order of delivery; so what is counted is always
a prefix, and its end is the one offset that the flush may write. Offsets have gaps: the end is the
last record's offset + 1, never a sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from driftgauge.storage import OffsetAdvance

from ..ports import Partition, Record


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition is counted.

    Attributes:
        offset: the first that is not counted; None when no start is known.
        timestamp_ms: of the last counted record, milliseconds since 1970; None before the first.
    """

    offset: int | None
    timestamp_ms: int | None = None


@dataclass(slots=True)
class _Place:
    """One partition.

    Attributes:
        stored: the database's offset; None when it has none.
        counted: the first offset that memory has not counted; None when no start is known.
        accepted: the first offset that was not accepted; None when no start is known.
    """

    stored: int | None
    counted: int | None
    accepted: int | None
    event_time_max: datetime | None = None
    timestamp_ms: int | None = None
    n_left_out: int = 0


class Positions:
    """The owned partitions' places; empty until `begin`. The loop's thread owns it.

    Attributes:
        is_known: whether the database was asked where they are.
    """

    def __init__(self) -> None:
        self._places: dict[Partition, _Place] = {}
        self._topic_id: str | None = None
        self.is_known = False

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions whose places are known."""
        return frozenset(self._places)

    def begin(
        self,
        stored: Mapping[Partition, int | None],
        begun: Mapping[Partition, int],
        *,
        topic_id: str | None = None,
    ) -> None:
        """Start again.

        Args:
            stored: every owned partition with the database's offset, None when it has none.
            begun: where the source will continue, as far as it knows.
            topic_id: the broker's id of the topic that they belong to, if it returns one.
        """
        self._topic_id = topic_id
        self._places = {
            partition: _Place(offset, begun.get(partition), begun.get(partition))
            for partition, offset in stored.items()
        }
        self.is_known = True

    def clear(self) -> None:
        """Own nothing, until the database is asked again."""
        self._places = {}
        self.is_known = False

    def accept(self, record: Record) -> bool:
        """Return whether *record* is new, and of a partition that is owned."""
        place = self._places.get((record.topic, record.partition))
        if place is None or (place.accepted is not None and record.offset < place.accepted):
            return False
        place.accepted = record.offset + 1
        return True

    def count(
        self, record: Record, event_time: datetime | None, *, is_left_out: bool = False
    ) -> None:
        """Note that *record* is counted, or, without a time, left out or in the dead letters."""
        place = self._places[record.topic, record.partition]
        place.counted = record.offset + 1
        place.n_left_out += is_left_out
        place.timestamp_ms = record.timestamp_ms if record.timestamp_ms >= 0 else None
        if event_time is not None:
            place.event_time_max = max(place.event_time_max or event_time, event_time)

    def positions(self) -> dict[Partition, Position]:
        """Return how far each owned partition is counted in memory."""
        return {
            at: Position(place.counted, place.timestamp_ms) for at, place in self._places.items()
        }

    def advances(self) -> list[OffsetAdvance]:
        """Return what a flush must write: the partitions that moved, or begin to be known.

        A start that the database does not know is written even before the first record: an agent
        that begins at the end of a topic would else begin at another end after a crash.
        """
        return [
            OffsetAdvance(
                *(topic, number, place.stored, place.counted),
                event_time_max=place.event_time_max,
                sampled_out=place.n_left_out,
                topic_id=self._topic_id,
            )
            for (topic, number), place in self._places.items()
            if place.counted is not None and place.counted != place.stored
        ]

    def mark_flushed(self) -> dict[Partition, int]:
        """What `advances` returned is in the database; return the offsets it is at."""
        for place in self._places.values():
            place.stored = place.counted if place.counted is not None else place.stored
            place.event_time_max = None
            place.n_left_out = 0
        return {at: place.stored for at, place in self._places.items() if place.stored is not None}
