"""What is kept of one segment between windows beside its tests' evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from .alert_look import AlertLook
from .design_effect import Counts
from .growth import Growth


@dataclass(slots=True)
class SegmentMemory:
    """Of one segment.

    Attributes:
        quiet: by alert, quiet windows in a row while it lives.
        looks: by alert, how it looks while it lives.
        nearness: of the last window judged, evidence against what an alert takes, 0 to 1.
        held: counts that came late, for the tests that wait for a window.
        is_ahead: whether counts that came late had the weight of the next window.
        weighed_at: the database's time when something last had a weight.
        growth: where the growth of its baseline stands; None before its first window, or if none grows.
    """

    quiet: dict[str, int] = field(default_factory=dict)
    looks: dict[str, AlertLook] = field(default_factory=dict)
    nearness: float = 0.0
    held: Counts | None = None
    is_ahead: bool = False
    weighed_at: datetime | None = None
    growth: Growth | None = None

    def note_trouble(self, start: datetime) -> None:
        """Note that an alert lives in the window at *start*, so that its day does not join the baseline."""
        if self.growth is not None:
            latest = max(start, self.growth.troubled_at or start)  # counts may come late
            self.growth = replace(self.growth, troubled_at=latest)

    def weigh(self, at: datetime, window: timedelta, *, is_late: bool) -> int:
        """Return the weight of what is judged next: the time that a segment may use up once.

        Every window has its weight. Counts that come late have one only where none was given within
        a window's length by the database's clock, and then the next window has none. So a segment
        all of whose counts are late is tested like any other, and none gets more weight than its
        time allows.

        Args:
            at: the database's time.
            window: its length.
            is_late: whether it was counted after its window was judged.
        """
        if not is_late:
            weight = 0 if self.is_ahead else 1
        else:
            weight = int(self.weighed_at is None or at - self.weighed_at >= window)
        self.is_ahead = is_late and (self.is_ahead or bool(weight))
        self.weighed_at = at if weight or not is_late else self.weighed_at
        return weight

    def with_held(self, counts: Counts, weight: int) -> Counts:
        """Return *counts* and what was held before; hold both where they have no weight."""
        is_like = (
            self.held is not None and self.held.shape == counts.shape
        )  # tests may have changed
        whole = counts + self.held if is_like and self.held is not None else counts
        self.held = None if weight else whole
        return whole

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values: dict[str, Any] = {"nearness": round(self.nearness, 4)}
        if self.quiet:
            values["quiet"] = self.quiet
        if self.looks:
            values["looks"] = {alert: look.dump() for alert, look in self.looks.items()}
        if self.weighed_at is not None:
            values["late"] = {
                "held": None if self.held is None else self.held.tolist(),
                "is_ahead": self.is_ahead,
                "weighed_at": self.weighed_at.isoformat(),
            }
        if self.growth is not None:
            values["growth"] = self.growth.dump()
        return values

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> SegmentMemory:
        """Return what `dump` wrote."""
        memory = cls(quiet=dict(kept.get("quiet", {})), nearness=kept.get("nearness", 0.0))
        looks = kept.get("looks", {})
        memory.looks = {alert: AlertLook.load(look) for alert, look in looks.items()}
        if "growth" in kept:
            memory.growth = Growth.load(kept["growth"])
        if "late" in kept:
            late = kept["late"]
            memory.held = None if late["held"] is None else np.array(late["held"], dtype=np.int64)
            memory.is_ahead = bool(late["is_ahead"])
            memory.weighed_at = datetime.fromisoformat(late["weighed_at"])
        return memory
