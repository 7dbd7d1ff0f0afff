"""What is known of detector versions: their status, and who changed it when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

DetectorStatus = Literal["candidate", "refused", "shadow", "active", "retired"]
"""``candidate``: registered and used for nothing; ``refused``: not to be used, with a reason; ``shadow``:
scores beside the active one; ``active``: scores the stream; ``retired``: was active, or a shadow."""

DetectorAction = Literal[
    "registered", "promoted", "replaced", "rolled back", "restored", "shadowed", "refused",
    "superseded", "pruned",
]  # fmt: skip
"""What happened: ``replaced``: another was promoted; ``rolled back``: the one before it was ``restored``;
``superseded``: another shadow began."""


@dataclass(frozen=True, slots=True)
class DetectorRecord:
    """One registered detector version.

    Attributes:
        uri: the folder of its artifact.
        pruned_at: when its artifact was deleted; None while it is kept.
    """

    detector: str
    stream: str
    uri: str
    created_at: datetime
    status: DetectorStatus
    manifest: Mapping[str, object]
    pruned_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Return whether it scores the stream."""
        return self.status == "active"


@dataclass(frozen=True, slots=True)
class DetectorChange:
    """A step in the life of a detector version.

    Attributes:
        from_status: None where it was registered.
        changed_at: by the database's clock.
        actor: a person, or a part of driftgauge.
        note: why.
    """

    id: int
    stream: str
    detector: str
    action: DetectorAction
    from_status: DetectorStatus | None
    to_status: DetectorStatus
    changed_at: datetime
    actor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFigures:
    """What one version has counted.

    Attributes:
        events: scored by it.
        ood_rate: None before the first event.
        first_day, last_day: UTC days with counts.
        alerts: that it raised.
        live_alerts: of these, and of those that it has taken over, how many live.
        waiting_seconds: how long the oldest of its counts has waited to be judged; None where none does.
    """

    events: int
    ood_rate: float | None
    first_day: datetime | None
    last_day: datetime | None
    alerts: int
    live_alerts: int
    waiting_seconds: float | None
