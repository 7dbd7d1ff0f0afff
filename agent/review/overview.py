"""The segments in the order in which a person should look at them, and how many stand how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..terminal.natural_order import natural_key
from .segment_standing import SegmentPhase, SegmentStanding

_NEAR = 0.5
PHASES: tuple[SegmentPhase, ...] = (
    *("alert", "silent", "untested", "learning", "waiting", "judged"),
)
"""First what is wrong, then what raises no alert: its silence is no sign of health."""


def worst_first(standings: Sequence[SegmentStanding]) -> list[SegmentStanding]:
    """Return *standings* with the worst first.

    Those with an alert come first, then the silent ones, those whose evidence is at least half of what an
    alert takes, those that raise no alert, and the others by their evidence.
    """
    return sorted(standings, key=_rank)


def _rank(standing: SegmentStanding) -> tuple[object, ...]:
    nearness = standing.nearness or 0.0
    place: float = PHASES.index(standing.phase)
    if standing.phase == "judged" and nearness >= _NEAR:
        place = PHASES.index("silent") + 0.5
    return place, -nearness, natural_key(standing.segment)


def totals(standings: Sequence[SegmentStanding]) -> str:
    """Return how many stand how, in words.

    >>> standing = SegmentStanding(segment="*", images=9, phase="judged")
    >>> totals([standing, standing])
    '2 segments: 2 judged'
    """
    counts = Counter(standing.phase for standing in standings)
    parts = [f"{counts[phase]} {_words(phase)}" for phase in PHASES if counts[phase]]
    return f"{len(standings)} segments: {', '.join(parts)}"


def _words(phase: SegmentPhase) -> str:
    return "with an alert" if phase == "alert" else phase
