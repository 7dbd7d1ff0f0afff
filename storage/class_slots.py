"""Which bin of a detector's class counts stands for which class."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from .labels import N_CLASSES, OTHER_CLASSES, shown_classes
from .tables import class_slot
from .upsert import upsert


def name_classes(
    connection: Connection, stream: str, detector: str, manifest: Mapping[str, object]
) -> None:
    """Write the classes of a detector's manifest; a version's classes never change."""
    slots = dict(enumerate(shown_classes(manifest)))
    if not slots:
        return
    rows = [
        {"stream": stream, "detector": detector, "slot": slot, "class": name}
        for slot, name in {**slots, N_CLASSES: OTHER_CLASSES}.items()
    ]
    connection.execute(upsert(connection, class_slot).on_conflict_do_nothing(), rows)
