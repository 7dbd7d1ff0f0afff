"""A detector that is ready to take over at the next batch, handed from a job's thread to the loop's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..counting.tap_keeper import KeepSettings
from ..events.tap_vectors import TapsWanted
from ..ports import Scorer


@dataclass(frozen=True, slots=True)
class NextDetector:
    """What the loop needs to score and count with another detector.

    Attributes:
        scorer: loaded and tried.
        taps: what sent tap vectors must be for it.
        keep: which taps to keep to learn from; None for none.
        classes: of its reference, which are counted.
        shadow: the version that scores beside it; None for none.
    """

    scorer: Scorer
    taps: TapsWanted | None = None
    keep: KeepSettings | None = None
    classes: tuple[str, ...] = ()
    shadow: str | None = None


@dataclass(slots=True)
class Handover:
    """Holds one detector at most, the last that was put; any thread may put, the loop's takes."""

    _waiting: list[NextDetector] = field(default_factory=list)

    def put(self, following: NextDetector) -> None:
        """Offer a detector; what was offered before and not taken is forgotten."""
        self._waiting = [following]

    def take(self) -> NextDetector | None:
        """Return what was offered, once."""
        waiting: Sequence[NextDetector] = self._waiting
        if not waiting:
            return None
        self._waiting = []
        return waiting[-1]
