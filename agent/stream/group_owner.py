"""Who counts what a consumer group reads: one database, for one stream.

The broker gives each partition to one member of a group, whatever the member does with it. Two agents of one
group that count in different databases, or for different streams, each get a part of the events. So every
commit says whose it is, in the metadata that Kafka keeps beside an offset.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from ..errors import GroupTaken
from ..log import action

log = logging.getLogger(__name__)

_PREFIX = "driftgauge"


@dataclass(frozen=True, slots=True)
class GroupOwner:
    """One database and one stream.

    Attributes:
        database: its id, which a copy restored from a backup has as well.
        stream: its name.
    """

    database: str
    stream: str

    @property
    def mark(self) -> str:
        """What stands beside each committed offset."""
        return f"{_PREFIX} {self.database} {self.stream}"

    @classmethod
    def of(cls, mark: str) -> GroupOwner | None:
        """Return whose *mark* is; None if it is not one."""
        match mark.split(" "):
            case [prefix, database, stream] if prefix == _PREFIX:
                return cls(database, stream)
            case _:
                return None


def refuse_other_owner(
    consumer: Any, topic: str, group_id: str, owner: GroupOwner, *, timeout_ms: int
) -> None:
    """Raise GroupTaken if an offset of the group was committed for another database or stream.

    A broker that does not answer is no reason to stop: the next look asks again.
    """
    for number in sorted(consumer.partitions_for_topic(topic) or ()):
        try:
            told = consumer.committed(
                TopicPartition(topic, number), metadata=True, timeout_ms=timeout_ms
            )
        except KafkaError as error:
            log.debug(
                "the broker did not return what group %s has committed: %s",
                *(group_id, error),
                extra=action("group_owner_unknown", group=group_id),
            )
            return
        found = GroupOwner.of(told.metadata or "") if told is not None else None
        if found is not None and found != owner:
            raise _taken(found, owner, topic=topic, group_id=group_id)


def _taken(found: GroupOwner, owner: GroupOwner, *, topic: str, group_id: str) -> GroupTaken:
    if found.database == owner.database:
        return GroupTaken(
            f"consumer group {group_id!r} reads {topic} for stream {found.stream!r} of this database, "
            f"and this agent is for stream {owner.stream!r}: each would get a part of the events",
            hint="give each stream a group of its own: leave [kafka] group_id empty, or set another",
        )
    return GroupTaken(
        f"consumer group {group_id!r} reads {topic} for another database (id {found.database}) than "
        f"this agent's (id {owner.database}): each would count a part of the events",
        hint="set [store] url to the database of the other agents, or [kafka] group_id to another "
        "group. If the other database is not used any more, stop all agents of the group and run: "
        f"kafka-consumer-groups.sh --delete --group {group_id} (driftgauge needs none of its offsets)",
    )
