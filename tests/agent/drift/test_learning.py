"""How long a segment is learnt follows today's setting, not the one when it was first seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgauge.agent.drift.learning import Learning

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def kept_by(span: timedelta) -> dict[str, dict[str, str | None]]:
    learning = Learning(span, lambda *_: np.zeros((0, 1, 18), dtype=np.int64), lambda _: None)
    learning.advance("camera=3", START)
    return learning.dump()


@pytest.mark.parametrize(("hours", "tries"), [(1, 1), (3, 0)])
def test_a_change_of_the_setting_takes_effect_at_once(hours: int, tries: int) -> None:
    tried: list[int] = []
    learning = Learning(
        timedelta(hours=hours),
        lambda *_: np.zeros((0, 1, 18), dtype=np.int64),
        lambda counts: tried.append(len(counts)),
    )
    learning.resume(kept_by(timedelta(days=1)))
    learning.advance("camera=3", START + timedelta(hours=2))
    assert len(tried) == tries


def test_what_an_earlier_version_kept_is_taken_up() -> None:
    learning = Learning(
        timedelta(days=1), lambda *_: np.zeros((0, 1, 18), dtype=np.int64), lambda _: None
    )
    old = {"begins": START.isoformat(), "retry": START.isoformat(), "until": None}
    learning.resume({"camera=3": old})
    assert learning.dump()["camera=3"]["begins"] == START.isoformat()
