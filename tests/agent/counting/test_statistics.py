from __future__ import annotations

import numpy as np
import pytest

from driftgauge.agent.counting.statistics import ScoreStatistics


def test_running_statistics_agree_with_the_whole_sample() -> None:
    scores = np.random.default_rng(5).normal(3, 2, (4_000, 2))
    statistics = ScoreStatistics(("early", "*"))
    for part in np.array_split(scores, 37):
        statistics.update(part)
    early, combined = statistics.summaries()
    assert (early.layer, combined.layer) == ("early", "*")
    assert early.events == 4_000
    assert early.mean == pytest.approx(scores[:, 0].mean())
    assert early.variance == pytest.approx(scores[:, 0].var(ddof=1))
    assert (early.minimum, early.maximum) == (scores[:, 0].min(), scores[:, 0].max())
    for found, q in ((early.p05, 0.05), (early.p50, 0.5), (early.p95, 0.95)):
        assert found == pytest.approx(np.quantile(scores[:, 0], q), abs=0.15)


def test_nothing_is_said_before_the_first_event() -> None:
    assert ScoreStatistics(("early", "*")).summaries() == []
