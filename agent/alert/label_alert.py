"""An alert on the model's predictions, in words: which classes come more or less often than usual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgauge.storage import EDGES, AlertRecord

from .movement import NOTABLE, Counts
from .wording import percent, subject

LABEL_SHIFT = "label_shift"
"""The `AlertRecord.test` of a change of the predicted classes, or of how sure the model is."""

MOST_NAMED = 3
CLEAR_DISTANCE, CLEAR_SHARE = 5.0, 0.15
"""A change of the images is told with the classes' if a class moved by so many standard errors and so much."""

LOW_CONFIDENCES = (0.99, 0.9, 0.5)


@dataclass(frozen=True, slots=True)
class ShareMovement:
    """How often something is predicted.

    Attributes:
        name: a class, or a confidence that is not reached.
        now: its share since the change, 0 to 1.
        normal: on the segment's reference.
        distance: from it, in standard errors; above zero is more often.
    """

    name: str
    now: float
    normal: float
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """Predictions since a change, and normally.

    Attributes:
        classes: in the order of the bins.
        counts: ``(2, bins)`` since the change: classes, and 1 - confidence.
        reference: ``(2, bins)`` of the segment's normal.
        design_effects: of both rows.
    """

    classes: Sequence[str]
    counts: Counts
    reference: Counts
    design_effects: Sequence[float]

    @property
    def class_movements(self) -> list[ShareMovement]:
        """How often each class is predicted, the one that moved most first."""
        moved = [
            self._movement(0, name, slice(slot, slot + 1)) for slot, name in enumerate(self.classes)
        ]
        return sorted(moved, key=lambda one: -abs(one.distance))

    @property
    def confidence(self) -> ShareMovement:
        """How often the model is less sure than one of `LOW_CONFIDENCES`, the one that moved most."""
        moved = [
            self._movement(1, f"{sure:.0%}", slice(EDGES.index(round(1 - sure, 2)), None))
            for sure in LOW_CONFIDENCES
        ]
        return max(moved, key=lambda one: abs(one.distance))

    @property
    def leading(self) -> ShareMovement:
        """What moved most."""
        return max([*self.class_movements[:1], self.confidence], key=lambda one: abs(one.distance))

    def _movement(self, row: int, name: str, bins: slice) -> ShareMovement:
        now, normal = self.counts[row], self.reference[row]
        n_now, n_normal = int(now.sum()), int(normal.sum())
        if not n_now or not n_normal:
            return ShareMovement(name, 0.0, 0.0, 0.0)
        k_now, k_normal = int(now[bins].sum()), int(normal[bins].sum())
        smooth = (k_normal + 0.5) / (n_normal + 1.0)
        variance = smooth * (1.0 - smooth) * self.design_effects[row]
        error = math.sqrt(variance * (1.0 / n_now + 1.0 / n_normal))
        share, usual = k_now / n_now, k_normal / n_normal
        return ShareMovement(name, share, usual, (share - usual) / error)


def label_message(segment: str, since: datetime, change: LabelChange) -> str:
    """Return the claim in one sentence."""
    start = f"{subject(segment)} changed at about {since:%Y-%m-%d %H:%M:%S} UTC"
    classes = _class_words(change.class_movements)
    sure = _confidence_words(change.confidence)
    is_sure_first = change.leading == change.confidence
    said = [words for words in ((sure, classes) if is_sure_first else (classes, sure)) if words]
    told = (
        "; ".join(said)
        or "the predicted classes differ from this segment's own, none of them clearly"
    )
    return f"{start}: {told}; this is what the model predicts, and not how unusual the images are"


def class_note(change: LabelChange | None) -> str:
    """Return what is added to a change of the images where their classes clearly changed with it."""
    if change is None:
        return ""
    moved = change.class_movements[0]
    is_clear = abs(moved.distance) >= CLEAR_DISTANCE
    if not is_clear or abs(moved.now - moved.normal) < CLEAR_SHARE:
        return ""
    return (
        f"; the predicted classes changed as well ({moved.name} {percent(moved.now)}, normally "
        f"{percent(moved.normal)}), which may be the cause: other objects rather than other pictures"
    )


def is_label_alert(alert: AlertRecord) -> bool:
    """Return whether an alert is about predictions."""
    return alert.test == LABEL_SHIFT


def _class_words(movements: Sequence[ShareMovement]) -> str:
    named = [one for one in movements if abs(one.distance) >= NOTABLE][:MOST_NAMED]
    if not named:
        return ""
    ordered = sorted(named, key=lambda one: -one.distance)
    first, *others = [
        f"{'more' if one.distance > 0 else 'fewer'} images of class {one.name} than usual "
        f"({percent(one.now)}, normally {percent(one.normal)})"
        for one in ordered
    ]
    rest = [text.replace(" than usual", "", 1) for text in others]
    return ", ".join([first, *rest])


def _confidence_words(moved: ShareMovement) -> str:
    if abs(moved.distance) < NOTABLE:
        return ""
    side = "less sure" if moved.distance > 0 else "surer"
    return (
        f"the model is {side} than usual (confidence below {moved.name} in {percent(moved.now)} of "
        f"images, normally {percent(moved.normal)})"
    )
