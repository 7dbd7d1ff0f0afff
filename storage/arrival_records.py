"""When segments sent something, and what a look at that writes: plain frozen values, no SQL in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .alert_records import AlertRecord


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What one segment sent so far, whatever detector scored it; by the database's clock.

    Attributes:
        arrived_at: when an event was last counted.
        events: how many were ever counted.
    """

    segment: str
    arrived_at: datetime
    events: int


@dataclass(frozen=True, slots=True)
class ArrivalsRead:
    """Where a stream's segments stand, read at one moment.

    Attributes:
        at: the database's time.
        looked_at: when `ArrivalsLook` was last written; None before the first time.
    """

    at: datetime
    looked_at: datetime | None
    segments: Sequence[Arrivals]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalsLook:
    """What a look at the arrivals writes, in one transaction.

    Attributes:
        read: what it started from; guards the write.
        patterns: by segment, what is known of its arrivals, as bytes; None to forget it. Others stay.
        alerts: new ones (``id`` None) and changed ones.
    """

    stream: str
    read: ArrivalsRead
    patterns: Mapping[str, bytes | None] = field(default_factory=dict)
    alerts: Sequence[AlertRecord] = field(default_factory=tuple)
