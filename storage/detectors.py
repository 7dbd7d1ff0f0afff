"""Registered detector versions, read: one is active per stream, and one at most is a shadow."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from .detector_records import DetectorChange, DetectorRecord, DetectorStatus
from .tables import detector, detector_change

_FIELDS = ("detector", "stream", "uri", "created_at", "status", "manifest", "pruned_at")
_COLUMNS = tuple(detector.c[name] for name in _FIELDS)


def read_detectors(
    connection: Connection, stream: str, *, lock: bool = False
) -> list[DetectorRecord]:
    """Return the stream's versions, newest first; *lock* keeps others from changing them."""
    table = detector.c
    query = select(*_COLUMNS).where(table.stream == stream)
    query = query.order_by(table.created_at.desc(), table.detector)
    rows = connection.execute(query.with_for_update() if lock else query)
    return [DetectorRecord(*row) for row in rows]


def read_detector(connection: Connection, stream: str, name: str) -> DetectorRecord | None:
    """Return one version."""
    table = detector.c
    query = select(*_COLUMNS).where(table.stream == stream, table.detector == name)
    row = connection.execute(query).first()
    return None if row is None else DetectorRecord(*row)


def read_in_status(
    connection: Connection, stream: str, status: DetectorStatus
) -> DetectorRecord | None:
    """Return the version that is active, or the shadow; the newest one in another status."""
    table = detector.c
    query = select(*_COLUMNS).where(table.stream == stream, table.status == status)
    row = connection.execute(query.order_by(table.created_at.desc())).first()
    return None if row is None else DetectorRecord(*row)


def read_changes(
    connection: Connection, stream: str, name: str | None = None
) -> list[DetectorChange]:
    """Return the steps in the lives of the stream's versions, or of one, in order."""
    query = select(detector_change).where(detector_change.c.stream == stream)
    if name is not None:
        query = query.where(detector_change.c.detector == name)
    rows = connection.execute(query.order_by(detector_change.c.id)).mappings()
    return [DetectorChange(**row) for row in rows]


def activations(changes: Sequence[DetectorChange]) -> list[str]:
    """Return the versions that were active one after another and not rolled back, the last at the end.

    The last but one is what a rollback restores.
    """
    stack: list[str] = []
    for change in changes:
        if change.to_status != "active":
            continue
        if change.action == "restored" and change.detector in stack:
            del stack[len(stack) - stack[::-1].index(change.detector) :]
        elif stack[-1:] != [change.detector]:
            stack.append(change.detector)
    return stack
