"""What waits for a receiver: plain frozen values, no SQL in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class NotificationAttempts:
    """How often one notification was tried in vain, and for how long by the database's clock."""

    id: int
    attempts: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class NotificationCount:
    """How many notifications of one sink are in one state, and the newest one's last error."""

    sink: str
    state: str
    count: int
    last_error: str
