from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from driftgauge.agent.alert.movement import LayerMovement, is_stuck, layer_movements
from driftgauge.agent.alert.wording import alert_message, severity

SINCE = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NORMAL = np.tile(np.array([0, 0, 0, 0, 1, 1, 3, 5, 10, 10, 10, 10, 10, 10, 10, 10, 5, 5]), (3, 1))


def message(movements: list[LayerMovement], *, stuck: bool = False) -> str:
    return alert_message(
        segment="*",
        since=SINCE,
        rate_now=0.5,
        rate_normal=0.01,
        movements=movements,
        is_stuck=stuck,
    )


def counts(*columns: dict[int, int]) -> np.ndarray:
    found = np.zeros((3, 18), dtype=np.int64)
    for row, column in enumerate(columns):
        for place, n in column.items():
            found[row, place] = n
    return found


def test_the_layer_that_moved_most_comes_first_with_its_depth_and_direction() -> None:
    now = counts({0: 40}, {9: 10, 12: 10, 15: 20}, {0: 20, 12: 20})
    first, *others = layer_movements(["early", "late"], NORMAL, now, [1.0, 1.0, 1.0])
    assert (first.layer, first.depth, first.direction) == ("early", "early", "unusual")
    assert first.share > others[0].share
    assert first.share + others[0].share == pytest.approx(1.0)


def test_neighbours_that_resemble_each_other_make_a_movement_less_certain() -> None:
    now = counts({4: 40}, {4: 40}, {4: 40})
    sure = layer_movements(["a", "b"], NORMAL, now, [1.0, 1.0, 1.0])
    unsure = layer_movements(["a", "b"], NORMAL, now, [9.0, 9.0, 9.0])
    assert sure[0].distance == pytest.approx(3 * unsure[0].distance)


def test_a_window_that_repeats_one_p_value_in_every_column_is_stuck() -> None:
    assert is_stuck(NORMAL, counts({9: 16}, {12: 16}, {11: 16}))
    assert not is_stuck(NORMAL, counts({9: 16}, {12: 8, 13: 8}, {11: 16}))
    assert not is_stuck(NORMAL, counts({9: 4}, {12: 4}, {11: 4}))


def test_a_scene_that_always_fills_one_bin_is_not_stuck() -> None:
    always = counts({9: 100}, {12: 100}, {11: 100})
    assert not is_stuck(always, counts({9: 16}, {12: 16}, {11: 16}))


def test_depth_suggests_a_cause() -> None:
    early = [LayerMovement("stem", "early", 9.0, 0.6), LayerMovement("head", "late", 4.0, 0.4)]
    assert message(early).endswith(
        "the early layers moved most (stem), which suggests the lens, the focus, the light or the "
        "exposure"
    )
    late = [LayerMovement("head", "late", 9.0, 1.0)]
    assert message(late).endswith("(head), which suggests what the pictures show")
    assert message([], stuck=True).endswith("which suggests a frozen picture")
    assert "variety is lost" in message([LayerMovement("stem", "early", -9.0, 1.0)])
    assert "in no layer above the others" in message([LayerMovement("stem", "early", 0.5, 1.0)])


def test_the_message_has_both_rates_and_the_moment() -> None:
    text = message([], stuck=True)
    assert "the whole stream changed at about 03:02:01 UTC" in text
    assert "50.0 % of images are out of distribution, normally 1.0 %" in text


def test_a_change_that_the_rate_does_not_show_is_not_told_by_the_rate() -> None:
    text = alert_message(
        segment="camera=2",
        since=SINCE,
        rate_now=0.0,
        rate_normal=0.004,
        movements=[LayerMovement("stem", "early", 9.0, 1.0)],
        is_stuck=False,
    )
    assert "images differ from this segment's own normal" in text
    assert "0.0 % are out of distribution, normally 0.4 %" in text


def test_severity_follows_the_rate_and_a_frozen_picture_is_never_mere_information() -> None:
    assert severity(0.6, is_stuck=False) == "critical"
    assert severity(0.1, is_stuck=False) == "warning"
    assert severity(0.0, is_stuck=False) == "info"
    assert severity(0.0, is_stuck=True) == "warning"
