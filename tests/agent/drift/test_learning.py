"""How long a segment is learnt follows today's setting, not the one when it was first seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgauge.agent.drift.design_effect import Counts
from driftgauge.agent.drift.learning import Learning

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def nothing(segments: Sequence[str], *_: datetime) -> Iterator[tuple[str, Counts]]:
    for segment in segments:
        yield segment, np.zeros((0, 1, 18), dtype=np.int64)


def kept_by(span: timedelta) -> dict[str, dict[str, str | None]]:
    learning = Learning(span, nothing)
    learning.advance(["camera=3"], START)
    return learning.dump()


@pytest.mark.parametrize(("hours", "tries"), [(1, 1), (3, 0)])
def test_a_change_of_the_setting_takes_effect_at_once(hours: int, tries: int) -> None:
    tried: list[str] = []

    def read(segments: Sequence[str], *_: datetime) -> Iterator[tuple[str, Counts]]:
        tried.extend(segments)
        return nothing(segments)

    learning = Learning(timedelta(hours=hours), read)
    learning.resume(kept_by(timedelta(days=1)))
    learning.advance(["camera=3"], START + timedelta(hours=2))
    assert len(tried) == tries


def test_what_an_earlier_version_kept_is_taken_up() -> None:
    learning = Learning(timedelta(days=1), nothing)
    old = {"begins": START.isoformat(), "retry": START.isoformat(), "until": None}
    learning.resume({"camera=3": old})
    assert learning.dump()["camera=3"]["begins"] == START.isoformat()


@pytest.mark.parametrize(("first_bin", "is_told"), [(0, True), (9, False)])
def test_a_segment_that_a_foreign_detector_calls_unusual_throughout_needs_a_fit(
    first_bin: int, *, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    windows = np.zeros((60, 1, 18), dtype=np.int64)
    windows[:, :, first_bin] = 19
    windows[:, :, 17] = 1
    learning = Learning(timedelta(hours=1), lambda names, *_: [(name, windows) for name in names])
    learning.advance(["camera=3"], START)
    learning.advance(["camera=3"], START + timedelta(hours=1))
    told = [r for r in caplog.records if getattr(r, "action", "") == "segment_saturated"]
    assert bool(told) is is_told
    assert ("saturated" in learning.dump()["camera=3"]) is is_told
    again = Learning(timedelta(hours=1), nothing)
    again.resume(learning.dump())
    assert again.dump() == learning.dump()
