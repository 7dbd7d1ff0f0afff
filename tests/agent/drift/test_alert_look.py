"""What an alert looks like: its end is seen when the baseline is back, and what is new inside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.alert_look import AlertLook
from driftgauge.agent.drift.baseline import learn_baseline

from .streams import EVENTS, normal_scores, pool_p_values, windows_of

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUDGET = float(np.log(30 * 24 * 60))
"""One in thirty days, with windows of a minute."""

RECOVERY = 5


def windows(seed: int, correlation: float, *parts: tuple[int, float]) -> NDArray[np.int64]:
    """Return ``(windows, columns, bins)``: in each part so many windows, a share of whose events changed."""
    n_events = EVENTS * sum(n for n, _ in parts)
    rates = np.repeat([rate for _, rate in parts], [EVENTS * n for n, _ in parts])
    hit = 3.0 * (np.random.default_rng(seed).random(n_events) < rates)
    same = normal_scores(n_events, 100 * seed, correlation=correlation)
    columns = []
    for column in range(3):
        own = normal_scores(n_events, 100 * seed + 1 + column, correlation=correlation)
        columns.append(windows_of(pool_p_values(0.7 * same + 0.71 * own + hit)))
    return np.stack(columns, axis=1)


class Watched:
    """An alert that has looked like the first ten windows, and is compared with all others."""

    def __init__(self, seed: int, correlation: float, *parts: tuple[int, float]) -> None:
        baseline = learn_baseline(windows(5000 + seed, correlation, (128, 0.0)))
        assert baseline is not None
        seen = windows(seed, correlation, *parts)
        look, quiet = AlertLook.of(seen[:10].sum(axis=0)), 0
        self.news: int | None = None
        self.ended: int | None = None
        for number in range(10, len(seen)):
            look = look.seen(
                seen[number],
                START + number * MINUTE,
                baseline.reference,
                baseline.design_effects,
            )
            if self.news is None and look.log_news >= BUDGET:
                self.news = number
                self.new_since = (look.new_since - START) // MINUTE
            quiet = quiet + 1 if look.is_back else 0
            if quiet >= RECOVERY:
                self.ended = number
                return


@pytest.mark.parametrize(("correlation", "within"), [(0.0, 3), (0.9, 30)])
def test_a_worse_change_inside_an_alert_is_found_and_dated(correlation: float, within: int) -> None:
    for seed in range(3):
        watched = Watched(seed, correlation, (100, 0.13), (60, 0.45))
        assert watched.ended is None
        assert watched.news is not None
        assert 100 <= watched.news <= 100 + within
        assert abs(watched.new_since - 100) <= within / 2


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("rate", [0.13, 1.0])
def test_an_alert_ends_soon_after_its_fault_and_never_before(
    rate: float, correlation: float
) -> None:
    for seed in range(3):
        watched = Watched(seed, correlation, (200, rate), (60, 0.0))
        assert watched.ended is not None
        assert 200 <= watched.ended <= 200 + 15


def test_an_alert_that_goes_on_as_it_was_has_no_news() -> None:
    for seed in range(3):
        watched = Watched(seed, 0.9, (400, 0.13))
        assert (watched.news, watched.ended) == (None, None)


def test_a_look_is_stored_to_the_bit() -> None:
    seen = windows(1, 0.5, (12, 0.1), (6, 0.5))
    reference = windows(2, 0.5, (60, 0.0)).sum(axis=0)
    look = AlertLook.of(seen[:10].sum(axis=0))
    for number in range(10, 18):
        look = AlertLook.load(look.dump()).seen(
            seen[number], START + number * MINUTE, reference, [1.0, 2.0, 1.5]
        )
    assert AlertLook.load(look.dump()).dump() == look.dump()
    assert look.log_news > 0
