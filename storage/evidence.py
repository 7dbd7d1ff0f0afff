"""Kept events: pictures that show what an alert is about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from .flush_records import EvidenceRecord
from .tables import evidence


def read_evidence(
    connection: Connection,
    stream: str,
    *,
    segment: str | None,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> list[EvidenceRecord]:
    """Return kept events of [*since*, *until*): the lowest p-value first, typical ones newest."""
    table = evidence.c
    columns = (
        *(table.segment, table.window_start, table.kind, table.topic, table.partition),
        *(table.record_offset, table.event_id, table.event_time, table.p_value),
        *(table.layer_p_values, table.thumbnail, table.item, table.pixels),
    )
    newest = (table.event_time.desc(), table.id)
    order = newest if kind == "typical" else (table.p_value, *newest)
    wanted = [table.stream == stream]
    wanted += [] if segment is None else [table.segment == segment]
    wanted += [] if kind is None else [table.kind == kind]
    wanted += [] if since is None else [table.event_time >= since]
    wanted += [] if until is None else [table.event_time < until]
    rows = connection.execute(select(*columns).where(*wanted).order_by(*order).limit(limit))
    return [EvidenceRecord(*row) for row in rows]
