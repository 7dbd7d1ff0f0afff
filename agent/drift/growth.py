"""How a baseline grows by a day of quiet traffic: what joins, and how far from the anchor it may lie."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ..alert.surprise import mean_surprise
from .components import nearest_components
from .design_effect import Counts
from .known_windows import KnownWindows

DAY = timedelta(days=1)
MOST_SHIFT = 0.2
"""Of a day's mean of -log p from the anchor's, in any column: what 4 % of images, all out of distribution, do; and
of the share of images whose predicted class, or confidence, is another."""
MOST_TIMES = 3
"""Windows that may join, for each one of the anchor."""
MOST_GROWN = 1440
"""Windows that join a component at most: what a baseline costs to keep and to measure does not grow on."""
LEAST_WINDOWS = 8
_STEP = 0.6180339887498949
"""Of a day, by which the stretch that joins moves from day to day: all hours have their turn."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Where one segment's baseline stands.

    Attributes:
        due: event time at which the next day is looked at.
        troubled_at: start of the last window in which an alert lived; None where none did.
        days_outside: days in a row that lay too far from the anchor.
        shift: of the last day looked at, from the anchor; None before.
    """

    due: datetime
    troubled_at: datetime | None = None
    days_outside: int = 0
    shift: float | None = None

    @classmethod
    def first(cls, segment: str, start: datetime, lag: timedelta) -> Growth:
        """Return it for a segment first judged at *start*; segments are due at different times of the day."""
        share = zlib.crc32(segment.encode()) / 2**32
        return cls(start + lag + DAY + timedelta(seconds=int(share * DAY.total_seconds())))

    def next_due(self, start: datetime) -> datetime:
        """Return the first time after *start* at which a day is due."""
        return self.due + (1 + (start - self.due) // DAY) * DAY

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values, those that are not as at first: they are written each minute."""
        values: dict[str, Any] = {"due": self.due.isoformat()}
        if self.troubled_at is not None:
            values["troubled_at"] = self.troubled_at.isoformat()
        if self.days_outside:
            values["days_outside"] = self.days_outside
        if self.shift is not None:
            values["shift"] = self.shift
        return values

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Growth:
        """Return what `dump` wrote."""
        troubled = kept.get("troubled_at")
        return cls(
            datetime.fromisoformat(kept["due"]),
            datetime.fromisoformat(troubled) if troubled else None,
            int(kept.get("days_outside", 0)),
            kept.get("shift"),
        )


def with_day(
    known: KnownWindows, day: Counts, share: float, number: int
) -> tuple[KnownWindows, float]:
    """Return *known* with a stretch of a day's windows, and how far the day lies from the anchor.

    A window belongs to the component that is nearest to it. Of each component a stretch in one piece joins, so that
    neighbouring windows stay neighbours. The day must not join where it lies further than `MOST_SHIFT`.

    Args:
        known: the baseline's windows.
        day: quiet windows, ``(windows, columns, bins)``, in order of time.
        share: of a component's anchor that may join in a day.
        number: of the day; it says where in the day the stretch lies.
    """
    held, n_labels = day[day[:, -1].sum(axis=-1) > 0], known.n_labels
    of = nearest_components(known.windows[:, n_labels:], known.component_of, held[:, n_labels:])
    grown, shift = known, 0.0
    for component in range(int(known.component_of.max()) + 1):
        seen, anchor = held[of == component], known.anchor(component)
        if len(seen) < LEAST_WINDOWS:
            continue
        shift = max(shift, shift_between(anchor, seen, n_labels))
        room = min(MOST_TIMES * len(anchor), MOST_GROWN) - known.grown_of(component)
        n = min(max(int(share * len(anchor)), LEAST_WINDOWS), room, len(seen))
        first = int(number * _STEP % 1.0 * (len(seen) - n + 1))
        grown = grown.with_grown(component, seen[first : first + max(n, 0)])
    return grown, shift


def shift_between(anchor: Counts, seen: Counts, n_labels: int = 0) -> float:
    """Return by how much the mean of -log p differs, in the column where it differs most.

    Or by how much predictions do, as the share of images that would have to be predicted otherwise (total
    variation), where that is more; unknown ones differ by nothing.

    Args:
        anchor: ``(windows, columns, bins)`` counts, and so *seen*.
        seen: what is compared with it.
        n_labels: columns of predictions, before those of scores.
    """
    one, other = anchor.sum(axis=0), seen.sum(axis=0)
    apart = np.abs(mean_surprise(one[n_labels:]) - mean_surprise(other[n_labels:]))
    predicted = [
        np.abs(a / a.sum() - b / b.sum()).sum() / 2.0
        for a, b in zip(one[:n_labels], other[:n_labels], strict=True)
        if a.any() and b.any()
    ]
    return round(float(max([*predicted, *apart])), 4)


def anchor_shift(known: KnownWindows) -> float | None:
    """Return how far all that has grown lies from the anchor, None where nothing has."""
    found = [
        shift_between(
            known.anchor(n),
            known.windows[(known.component_of == n) & known.is_grown],
            known.n_labels,
        )
        for n in range(int(known.component_of.max()) + 1)
        if known.grown_of(n)
    ]
    return max(found) if found else None
