"""Leases: which agent does what only one may do.

All times are the database's, so that no agent's clock can hold a lease or lose one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_

from .tables import lease
from .upsert import upsert, wrote_one

STEP_SECONDS = 60.0
"""A lease renewed further ahead than this was renewed before the database's clock was set back."""


def acquire_lease(
    connection: Connection, name: str, holder: str, *, ttl_seconds: float, now: datetime
) -> bool:
    """Take the lease if it is free, expired or one's own already; return whether one holds it."""
    statement = upsert(connection, lease)
    new = statement.excluded
    row = {
        "name": name,
        "holder": holder,
        "expires_at": now + timedelta(seconds=ttl_seconds),
        "renewed_at": now,
    }
    free = or_(
        lease.c.holder == new.holder,
        lease.c.expires_at <= now,
        lease.c.renewed_at > now + timedelta(seconds=STEP_SECONDS),
    )
    values = {column: new[column] for column in ("holder", "expires_at", "renewed_at")}
    taken = statement.on_conflict_do_update(index_elements=(lease.c.name,), set_=values, where=free)
    return wrote_one(connection, taken, row)


def release_lease(connection: Connection, name: str, holder: str) -> None:
    """Give the lease back, if one holds it."""
    connection.execute(lease.delete().where(lease.c.name == name, lease.c.holder == holder))
