"""Predicted classes and their confidence, as they are read."""

from __future__ import annotations

import pytest

from driftgauge.storage import (
    CLASSES,
    CONFIDENCE,
    LABEL_LAYERS,
    Database,
    DetectorRecord,
    Store,
)

from ..stores import DETECTOR, START, STREAM, advance, flush, window
from .test_views import read


def register(store: Store, classes: list[str]) -> None:
    manifest: dict[str, object] = {"classes": classes}
    store.register_detector(DetectorRecord(DETECTOR, STREAM, "file:d1", START, "active", manifest))


def test_classes_are_read_by_name_and_the_rest_together(store: Store, database: Database) -> None:
    register(store, ["cat", "dog"])
    rows = [
        window({0: 5, 1: 4, 17: 1}, layer=CLASSES, minute=minute, segment="camera=3")
        for minute in (0, 1, 90)
    ]
    store.flush(flush(advance(None, 1), windows=[*rows, window({3: 30}, segment="camera=3")]))
    for period, times in (("hourly", 2), ("daily", 1)):
        query = (
            "SELECT segment, class, sum(events), max(share), count(*) "
            f"FROM class_rate_{period} GROUP BY segment, class ORDER BY 3 DESC"
        )
        assert read(database, query) == [
            ("camera=3", "cat", 15, pytest.approx(0.5), times),
            ("camera=3", "dog", 12, pytest.approx(0.4), times),
            ("camera=3", "(other classes)", 3, pytest.approx(0.1), times),
        ]


def test_confidence_is_read_as_its_mean_and_its_low_share(store: Store, database: Database) -> None:
    unsure = window({0: 6, 12: 4}, layer=CONFIDENCE, scores=(7.5, 1.0))
    store.flush(flush(advance(None, 1), windows=[unsure, window({3: 10})]))
    for period in ("hourly", "daily"):
        query = f"SELECT events, mean_confidence, share_below_half FROM confidence_{period}"
        assert read(database, query) == [(10, 0.75, 0.4)]


def test_rates_and_histograms_know_nothing_of_classes(store: Store, database: Database) -> None:
    rows = [window({0: 5}, layer=layer) for layer in ("*", *LABEL_LAYERS)]
    store.flush(flush(advance(None, 1), windows=rows))
    for view in (
        *(f"ood_rate_{name}" for name in ("by_window", "minutely", "hourly", "daily")),
        *("score_window", "p_value_histogram", "p_value_histogram_daily"),
    ):
        assert read(database, f"SELECT DISTINCT layer FROM {view}") == [("*",)]


def test_a_turn_takes_the_classes_of_its_windows_once(store: Store) -> None:
    rows = [window({0: 5}, layer=layer) for layer in ("*", CLASSES)]
    store.flush(flush(advance(None, 1), windows=rows))
    store.flush(flush(advance(1, 2), windows=[window({0: 1}, minute=5)]))
    claim = store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=60, grace_seconds=0
    )
    assert [(row.layer, row.counts[0]) for row in claim.windows] == [("*", 5), (CLASSES, 5)]
    store.flush(flush(advance(2, 3), windows=rows))
    again = store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=60, grace_seconds=0
    )
    assert [(row.layer, row.counts[0]) for row in again.windows] == [("*", 10), (CLASSES, 10)]
