"""One fault is told once: what a part's alert explains of the whole stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from driftgauge.agent.alert.lives import Hysteresis, Lives
from driftgauge.agent.drift.alerting import Alerting
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.drift.segment_states import SegmentStates
from driftgauge.storage import SegmentProgress

from ...stores import START, STREAM, alert

PART = "camera=3"
SETTINGS = MonitorSettings(
    stream=STREAM, window_seconds=60, windows_between_false_alarms=1000.0, grace_seconds=0.0
)


def alerting(live: Sequence[tuple[str, str]], now: datetime = START) -> Alerting:
    """Return the alerts of a stream whose only camera sends, with live ones by segment and test."""
    progress = SegmentProgress(PART, START, START, 0.0, None, None, 1)
    return Alerting(
        SETTINGS,
        detector="d1",
        layers=("early",),
        classes=(),
        states=SegmentStates(),
        lives=Lives(
            Hysteresis(3, timedelta(hours=1), timedelta(minutes=1)),
            [alert(id=n, segment=name, test=test) for n, (name, test) in enumerate(live, 1)],
        ),
        progress=[progress],
        read=lambda *_: pytest.fail("nothing is read"),
        now=now,
    )


@pytest.mark.parametrize(
    ("live", "explained"),
    [
        ([], set()),
        ([(PART, "betting")], {"betting", "label_shift"}),
        ([(PART, "label_shift")], {"label_shift"}),
        ([(PART, "betting"), ("*", "label_shift")], {"betting"}),
        ([("*", "betting")], set()),
    ],
)
def test_images_of_a_part_explain_other_predictions_of_the_whole_and_not_the_other_way_round(
    live: list[tuple[str, str]], explained: set[str]
) -> None:
    assert alerting(live).explained("*", START) == explained
    assert alerting(live).explained(PART, START) == set()


def test_a_part_that_has_fallen_silent_explains_nothing() -> None:
    later = START + timedelta(days=1)
    assert alerting([(PART, "betting")], now=later).explained("*", START) != set()
    assert alerting([(PART, "betting")], now=later).explained("*", later) == set()
