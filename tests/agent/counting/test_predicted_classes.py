from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from driftgauge.agent.counting.predicted_classes import LabelCounts, doubt_bins
from driftgauge.agent.counting.window_rows import rows_by_window
from driftgauge.agent.events.event import NO_IMAGE, Event
from driftgauge.storage import CLASSES, CONFIDENCE, N_CLASSES, WindowRecord

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(second: float) -> Event:
    at = START + timedelta(seconds=second)
    return Event("t", 0, 0, "e", at, {}, NO_IMAGE)


def counted(classes: list[str | None], sure: list[float] | None = None) -> list[WindowRecord]:
    counts = LabelCounts(["cat", "dog"])
    confidences = None if sure is None else np.array(sure)
    events = [event(0.1 * number) for number in range(len(classes))]
    rows = rows_by_window(events, [["*", "camera=3"]] * len(events), 60)
    counts.add(rows, classes, confidences)
    return counts.records()


def test_each_class_counts_in_its_own_bin_and_the_rest_in_the_last() -> None:
    records = counted(["cat", "cat", "dog", "cow", None])
    assert [(r.segment, r.layer) for r in records] == [("*", CLASSES), ("camera=3", CLASSES)]
    assert [records[0].counts[slot] for slot in (0, 1, 2, N_CLASSES)] == [2, 1, 0, 1]


def test_a_confidence_counts_where_it_is_known() -> None:
    of_classes, sure = counted(["cat", "dog"], [0.9, float("nan")])[:2]
    assert (of_classes.events, sure.events, sure.layer) == (2, 1, CONFIDENCE)
    assert (sure.score_sum, sure.score_max) == (0.9, 0.9)
    (place,) = doubt_bins(np.array([0.9]))
    assert sure.counts[place] == 1


def test_windows_are_apart_and_segments_of_a_class_count_none() -> None:
    counts = LabelCounts(["cat"])
    names = [["*", "predicted_class=cat"]] * 2
    counts.add(rows_by_window([event(1), event(61)], names, 60), ["cat", "cat"], None)
    assert [(r.segment, r.window_start) for r in counts.records()] == [
        ("*", START),
        ("*", START + timedelta(minutes=1)),
    ]


def test_a_detector_without_classes_counts_none_and_a_flush_begins_anew() -> None:
    nothing = LabelCounts([])
    rows = rows_by_window([event(0)], [["*"]], 60)
    nothing.add(rows, ["cat"], None)
    assert nothing.records() == []
    some = LabelCounts(["cat"])
    some.add(rows, ["cat"], None)
    some.clear()
    assert some.records() == []
