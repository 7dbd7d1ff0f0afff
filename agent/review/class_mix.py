"""What the model predicts on a segment, beside what it predicts there while nothing is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftgauge.storage import ClassPeriod, Store

MOST_CLASSES = 8
"""Classes that are shown; the others are joined."""

OTHERS = "all others"


@dataclass(frozen=True, slots=True)
class ClassShare:
    """One class.

    Attributes:
        class_name: as the model names it.
        events: images that were predicted to be of it.
        share: of those of which a prediction is known, 0 to 1.
        normal: the same on the segment's reference; None where that is not known.
    """

    class_name: str
    events: int
    share: float
    normal: float | None


def class_mix(
    store: Store,
    stream: str,
    segment: str,
    *,
    since: datetime,
    until: datetime,
    period: ClassPeriod,
    normal: Mapping[str, float] | None,
) -> list[ClassShare]:
    """Return a segment's predicted classes, those whose share differs most from normal first.

    Empty where no prediction was counted.

    Args:
        store: the database.
        stream: its name.
        segment: its name.
        since: the period that holds it is the first.
        until: periods that start from then on are left out.
        period: of the counts that are added up.
        normal: share of each class on the segment's reference; None where not known.
    """
    counted: Counter[str] = Counter()
    for row in store.class_rates(stream, period=period, segment=segment, since=since, until=until):
        counted[row.class_name] += row.events
    total = counted.total()
    if not total:
        return []
    names = {*counted, *(normal or {})}
    found = [
        ClassShare(name, counted[name], counted[name] / total, _normal(normal, name))
        for name in names
    ]
    found.sort(key=_interest)
    return _cut(found)


def _normal(normal: Mapping[str, float] | None, name: str) -> float | None:
    return None if normal is None else normal.get(name, 0.0)


def _interest(one: ClassShare) -> tuple[float, float, str]:
    return -abs(one.share - (one.normal or 0.0)), -one.share, one.class_name


def _cut(found: Sequence[ClassShare]) -> list[ClassShare]:
    """Join those that come after the first `MOST_CLASSES`."""
    if len(found) <= MOST_CLASSES + 1:
        return list(found)
    rest = found[MOST_CLASSES:]
    normals = [one.normal for one in rest]
    joined = ClassShare(
        OTHERS,
        sum(one.events for one in rest),
        sum(one.share for one in rest),
        None if None in normals else sum(one for one in normals if one is not None),
    )
    return [*found[:MOST_CLASSES], joined]
