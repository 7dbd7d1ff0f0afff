"""The monitor on predictions: what is told, beside and apart from the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.label_columns import judged_columns, with_predictions
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.drift.tests.catalogue import choose_tests
from driftgauge.storage import (
    LABEL_LAYERS,
    AlertRecord,
    FlushRecord,
    OffsetAdvance,
    SegmentAdvance,
    Store,
    WindowRecord,
)

from .label_streams import MIX, label_windows
from .streams import normal_scores, pool_p_values, windows_of

STREAM, DETECTOR, CAMERA = "frames", "d1", "camera=1"
LAYERS = ("early", "*")
EVENTS, SECONDS = 32, 60
START = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES = ("cat", "dog", "cow", "owl", "elk")
SETTINGS = MonitorSettings(
    stream=STREAM,
    window_seconds=SECONDS,
    windows_between_false_alarms=500.0,
    grace_seconds=0.0,
    recovery_windows=3,
    tests=choose_tests(["windows", "betting", "coarse", "label_shift"]),
)
CATS = (0.9, 0.04, 0.02, 0.02, 0.02)

Counts = NDArray[np.int64]


def scores(n: int, seed: int, shift: float = 0.0) -> Counts:
    columns = [
        windows_of(pool_p_values(normal_scores(n * EVENTS, 7 * seed + k, shift=shift)), EVENTS)
        for k in range(len(LAYERS))
    ]
    return np.stack(columns, axis=1)


class Line:
    """One camera's windows, written as an agent writes them."""

    def __init__(self, store: Store) -> None:
        self.store, self.n_windows = store, 0
        store.ensure_stream(STREAM, STREAM, SECONDS)

    def send(self, n: int, seed: int, mix: Sequence[float] = MIX, shift: float = 0.0) -> None:
        labels = label_windows(n, seed, mix=mix, events=EVENTS)
        for row in np.concatenate([labels, scores(n, seed, shift)], axis=1):
            start = START + self.n_windows * timedelta(seconds=SECONDS)
            end = start + timedelta(seconds=SECONDS)
            at = self.n_windows
            self.n_windows += 1
            self.store.flush(
                FlushRecord(
                    STREAM,
                    DETECTOR,
                    [OffsetAdvance(STREAM, 0, at or None, at + 1, end)],
                    windows=[
                        WindowRecord(CAMERA, layer, start, tuple(counts.tolist()), 0, 0)
                        for layer, counts in zip((*LABEL_LAYERS, *LAYERS), row, strict=True)
                    ],
                    segments=[SegmentAdvance(CAMERA, end)],
                )
            )

    def turn(self, settings: MonitorSettings = SETTINGS) -> None:
        reference = {CAMERA: scores(60, 1)}
        labels = {CAMERA: label_windows(60, 1, events=EVENTS)}
        reads_labels = any(test.reads_labels for test in settings.tests)
        Monitor(
            self.store,
            detector=DETECTOR,
            columns=judged_columns(LAYERS, settings.tests),
            reference=with_predictions(reference, labels) if reads_labels else reference,
            settings=settings,
            classes=CLASSES,
        ).turn()

    def alerts(self) -> dict[str, AlertRecord]:
        return {alert.test: alert for alert in self.store.alerts(STREAM)}


@pytest.fixture
def line(store: Store) -> Line:
    return Line(store)


def test_more_cats_than_usual_are_told_as_what_they_are_and_end_by_themselves(line: Line) -> None:
    line.send(20, 2)
    line.turn()
    assert line.alerts() == {}
    line.send(6, 3, CATS)
    line.turn()
    found = line.alerts()
    assert set(found) == {"label_shift"}
    alert = found["label_shift"]
    assert alert.severity == "info"
    assert alert.since == START + timedelta(minutes=20)
    assert max(alert.rate_now, alert.rate_normal) < 0.05  # of images out of distribution
    assert "camera 1 changed at about 2026-03-01 00:20:00 UTC: more images of class cat" in (
        alert.message
    )
    assert "normally" in alert.message
    assert "fewer images of class dog (" in alert.message
    line.send(12, 4)
    line.turn()
    assert line.alerts()["label_shift"].state == "resolved"


def test_images_that_change_with_their_classes_name_them(line: Line) -> None:
    line.send(10, 2)
    line.send(8, 3, CATS, shift=1.5)
    line.turn()
    found = line.alerts()
    assert set(found) == {"betting", "label_shift"}
    assert "; the predicted classes changed as well (" in found["betting"].message


def test_images_that_change_alone_name_no_class(line: Line) -> None:
    line.send(10, 2)
    line.send(8, 3, shift=1.5)
    line.turn()
    found = line.alerts()
    assert set(found) == {"betting"}
    assert "class" not in found["betting"].message


def test_a_larger_change_of_the_mix_is_told_in_the_same_alert(line: Line) -> None:
    line.send(10, 2)
    line.send(8, 3, CATS)
    line.turn()
    line.send(8, 4, (0.0, 0.0, 0.0, 0.0, 1.0))
    line.turn()
    (alert,) = line.alerts().values()
    assert "more images of class elk" in alert.message


def test_the_severity_is_a_setting(line: Line) -> None:
    severe = replace(SETTINGS, label_severity="warning", window_seconds=SECONDS)
    line.send(8, 3, CATS)
    line.turn(severe)
    assert line.alerts()["label_shift"].severity == "warning"


def test_a_test_that_is_switched_on_later_measures_the_baselines_again(line: Line) -> None:
    without = replace(SETTINGS, tests=choose_tests(["windows", "betting"]))
    line.send(8, 3, CATS)
    line.turn(without)
    assert line.alerts() == {}
    line.send(8, 4, CATS)
    line.turn()
    assert set(line.alerts()) == {"label_shift"}
    line.send(8, 5, CATS)
    line.turn(without)
    assert line.alerts()["label_shift"].state == "open"
