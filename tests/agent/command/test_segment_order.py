"""Segments and layers stand as people count: camera=2 before camera=10."""

from __future__ import annotations

import re

import pytest

from driftgauge.storage import Store

from ...stores import advance, flush, window
from .reading import Run, run, written

__all__ = ["run", "written"]

CAMERAS = ["*", "camera=1", "camera=2", "camera=10"]


@pytest.fixture
def counted(written: Store) -> Store:
    rows = [
        window({0: 1, 17: 99}, minute=minute, segment=segment, layer=layer)
        for minute in (0, 60)
        for segment in CAMERAS
        for layer in ("*", "blocks.10", "blocks.9")
    ]
    written.flush(flush(advance(None, 800), windows=rows))
    return written


def named(text: str) -> list[str]:
    """Return the segments that begin a line or stand behind its time."""
    return re.findall(r"^(?:\S+ \S+ +)?(\*|camera=\d+) ", text, flags=re.MULTILINE)


@pytest.mark.usefixtures("counted")
def test_commands_show_cameras_as_people_count(run: Run) -> None:
    assert named(run("rates").out) == CAMERAS * 2
    assert [row["segment"] for row in run("rates", "--json").values] == CAMERAS * 2
    assert named(run("rates", "--top", "9").out) == CAMERAS
    assert named(run("status").out) == CAMERAS
    assert named(run("segments").out) == CAMERAS
    layers = [row["layer"] for row in run("rates", "--layer", "all", "--json").values]
    assert layers[:3] == ["*", "blocks.9", "blocks.10"]


@pytest.mark.usefixtures("counted")
def test_a_segment_that_is_unknown_is_answered_with_those_there_are_in_that_order(run: Run) -> None:
    assert f"There are: {', '.join(CAMERAS)}." in run("rates", "--segment", "door=1").out
