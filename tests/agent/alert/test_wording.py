from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from driftgauge.agent.alert.fault_claim import FaultClaim
from driftgauge.agent.alert.movement import LayerMovement, is_stuck, layer_movements
from driftgauge.agent.alert.wording import alert_message, severity
from driftgauge.detector import FaultNames

SINCE = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NORMAL = np.tile(np.array([0, 0, 0, 0, 1, 1, 3, 5, 10, 10, 10, 10, 10, 10, 10, 10, 5, 5]), (3, 1))


def message(
    movements: list[LayerMovement], *, stuck: bool = False, claim: FaultClaim | None = None
) -> str:
    return alert_message(
        segment="*",
        since=SINCE,
        rate_now=0.5,
        rate_normal=0.01,
        movements=movements,
        is_stuck=stuck,
        claim=claim,
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


def moved(*distances: float) -> list[LayerMovement]:
    """Return layers of a network, of these distances from the first layer to the last."""
    total = sum(abs(distance) for distance in distances)
    depths = ("early", "early", "middle", "late", "late")
    layers = [
        LayerMovement(f"stage{number}", depth, distance, distance / 10, abs(distance) / total)
        for number, (depth, distance) in enumerate(zip(depths, distances, strict=True))
    ]
    return sorted(layers, key=lambda layer: -abs(layer.distance))


def test_the_depth_that_changed_most_suggests_a_cause() -> None:
    assert message(moved(20.0, 14.0, 4.0, 2.0, 1.0)).endswith(
        "the early layers changed most (stage0, stage1), which suggests a change of lens, focus, "
        "light or exposure"
    )
    assert message(moved(1.0, 1.0, 2.0, 3.5, 9.0)).endswith(
        "(stage4, stage3), which suggests a change of the images' content"
    )
    assert message([], stuck=True).endswith("which suggests a frozen picture")


def test_a_layer_is_named_only_when_its_depth_is_clearly_ahead() -> None:
    """Shares of .22, .21, .20, .19 and .17 say that everything changed."""
    for distances in ((22.0, 21.0, 20.0, 19.0, 17.0), (17.0, 19.0, 20.0, 21.0, 22.0)):
        text = message(moved(*distances))
        assert "stage" not in text
        assert text.endswith(
            "layers of all depths changed about equally, which does not suggest a single cause"
        )
    assert "stage" in message(moved(30.0, 29.0, 19.0, 15.0, 10.0))


def test_a_change_that_no_layer_shows_and_one_towards_the_usual_are_told_as_such() -> None:
    text = message(moved(0.5, 0.4, 0.3, 0.2, 0.1))
    assert text.endswith("spread over all layers, and no single layer changed clearly")
    text = message(moved(-9.0, -1.0, -1.0, -1.0, -1.0))
    assert text.endswith("scores are lower than normal (stage0): the images have become more alike")
    text = message(moved(-9.0, -8.0, -8.0, -7.0, -7.0))
    assert text.endswith("scores are lower than normal: the images have become more alike")


def test_a_layer_that_another_depth_comes_close_to_is_not_named() -> None:
    assert "(stage0)" in message(moved(20.0, 14.0, 10.0, 2.0, 1.0))
    assert "(stage0, stage1)" in message(moved(20.0, 16.0, 10.0, 2.0, 1.0))


def test_the_message_has_both_rates_and_the_date_with_its_zone() -> None:
    text = message([], stuck=True)
    assert "the whole stream changed at about 2026-05-04 03:02:01 UTC" in text
    assert "50.0 % of images are out of distribution, normally 1.0 %" in text


def test_a_change_that_the_rate_does_not_show_is_not_told_by_the_rate() -> None:
    text = alert_message(
        segment="camera=2",
        since=SINCE,
        rate_now=0.0,
        rate_normal=0.004,
        movements=moved(9.0, 8.0, 1.0, 1.0, 1.0),
        is_stuck=False,
    )
    assert "scores differ from this segment's baseline, although only 0.0 % of images" in text


def test_severity_follows_the_rate_and_a_frozen_picture_is_never_mere_information() -> None:
    assert severity(0.6, is_stuck=False) == "critical"
    assert severity(0.1, is_stuck=False) == "warning"
    assert severity(0.0, is_stuck=False) == "info"
    assert severity(0.0, is_stuck=True) == "warning"


def test_a_fault_that_is_named_takes_the_place_of_what_layers_suggest() -> None:
    claim = FaultClaim.of(FaultNames((("haze", 0.83), ("dirt", 0.1))))
    said = message(moved(20.0, 1.0, 0.5, 0.3, 0.1), claim=claim)
    assert said.endswith("the early layers changed most (stage0); looks like: haze 0.8, dirt 0.1")
    assert claim.faults == [{"fault": "haze", "share": 0.83}]


def test_a_fault_that_cannot_be_named_leaves_what_layers_suggest() -> None:
    claim = FaultClaim.of(FaultNames(why_not="no pictures"))
    assert message(moved(20.0, 1.0, 0.5, 0.3, 0.1), claim=claim) == message(
        moved(20.0, 1.0, 0.5, 0.3, 0.1)
    )
    assert claim.words == "fault not named: no pictures"


def test_two_faults_that_are_not_separated_are_both_told() -> None:
    claim = FaultClaim.of(FaultNames((("haze", 0.45), ("dirt", 0.4))))
    assert [fault["fault"] for fault in claim.faults] == ["haze", "dirt"]
    assert "looks like: haze 0.5 or dirt 0.4" in claim.told


def test_a_layer_is_not_said_to_move_more_because_its_neighbouring_images_differ_more() -> None:
    """How sure a movement is depends on that, how far the layer moved does not."""
    now = counts({4: 40}, {4: 40}, {4: 40})
    movements = layer_movements(["a", "b"], NORMAL, now, [1.0, 25.0, 1.0])
    assert movements[0].distance != pytest.approx(movements[1].distance)
    assert movements[0].share == pytest.approx(movements[1].share)
    assert "layers of all depths changed about equally" in message(movements)


def test_the_statistics_of_pixels_are_no_layer_of_the_model() -> None:
    now = counts({0: 40}, {9: 20, 12: 20}, {0: 20, 12: 20})
    movements = layer_movements(["pixels", "only"], NORMAL, now, [1.0, 1.0, 1.0])
    assert {one.layer: one.depth for one in movements} == {"pixels": "picture", "only": "middle"}
    assert "the picture's own statistics changed most (pixels)" in message(movements)
