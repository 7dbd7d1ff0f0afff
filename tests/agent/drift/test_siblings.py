from __future__ import annotations

import pytest

from driftgauge.agent.drift.siblings import Sites, with_siblings

SITES = Sites(r"camera=(.+)-\d+")
HALL = [f"camera=hall-{number}" for number in range(1, 5)]
KNOWN = [*HALL, "camera=gate-1", "*"]


def told(message: str, segment: str, *changed: str) -> str:
    return with_siblings(message, segment, SITES, known=KNOWN, changed=changed)


def test_a_camera_that_changed_alone_is_told_as_such() -> None:
    said = told("camera hall-1 changed", HALL[0], HALL[0], "camera=gate-1", "*")
    assert said == (
        "camera hall-1 changed; siblings: alone, none of the other 3 of hall has changed"
    )


def test_what_is_said_of_siblings_is_said_anew() -> None:
    first = told("camera hall-1 changed", HALL[0])
    assert told(first, HALL[0], *HALL[:3]) == (
        "camera hall-1 changed; siblings: with 2 of the other 3 of hall"
    )


@pytest.mark.parametrize("segment", ["*", "camera=gate-1", "line=4"])
def test_a_segment_without_siblings_is_told_alone(segment: str) -> None:
    assert told("it changed", segment, *HALL) == "it changed"


def test_no_pattern_knows_no_sites() -> None:
    assert not Sites()
    assert Sites().of(HALL[0]) is None
