"""What storage takes and gives back of trials: plain frozen values, no SQL in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A detector's time beside the active one, which ends with its promotion or its refusal.

    Attributes:
        basis: the active detector that it is compared with.
        state: ``running``, ``promoted``, ``refused`` or ``stopped`` (by a person, or another shadow).
        begun_at: by the database's clock.
        counted_since: event time from which windows are compared.
        lasts_seconds: until it is decided, if it has counted enough by then.
        reason: why it was promoted, refused or stopped; while it runs, what it waits for.
    """

    id: int
    stream: str
    detector: str
    basis: str
    state: str
    asked_by: str
    begun_at: datetime
    counted_since: datetime
    lasts_seconds: float
    ended_at: datetime | None
    reason: str

    @property
    def due_at(self) -> datetime:
        """Return when it is to be decided."""
        return self.begun_at + timedelta(seconds=self.lasts_seconds)


@dataclass(frozen=True, slots=True)
class ShadowAlarm:
    """Where a shadow would have raised an alert.

    Attributes:
        first_at, last_at: start of the first and the last window that would have raised it.
        times: how many turns of its monitor would have.
    """

    segment: str
    test: str
    first_at: datetime
    last_at: datetime
    times: int = 1


@dataclass(frozen=True, slots=True)
class ShadowBlock:
    """What the active version and its shadow counted in the same windows of a part of a trial.

    Attributes:
        active_events: in all windows of the part, also those that the shadow did not count.
        both_events: of these, in windows that both counted.
        active_ood, shadow_ood: out of distribution, in windows that both counted.
    """

    segment: str
    block: int
    active_events: int
    both_events: int
    active_ood: int
    shadow_events: int
    shadow_ood: int
