"""Round after round on stationary traffic: normal neither narrows nor widens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from .traffic import Round, World, rounds

MOST_OUTSIDE = 1
"""Of twenty rounds so many lie outside a 99 % interval with a chance of 98 %."""


def check(told: list[Round]) -> None:
    shown = [f"{one.state} {one.rate:.2%} ({one.low:.2%} to {one.high:.2%})" for one in told]
    assert sum(one.state == "passed" for one in told) >= 0.9 * len(told), shown
    assert sum(not one.holds for one in told) <= MOST_OUTSIDE, shown
    mean = float(np.mean([one.rate for one in told]))
    assert 0.007 <= mean <= 0.013, shown


def spread(told: list[Round]) -> tuple[float, float]:
    """Return the share of the first reference that is unusual, in the first rounds and in the last."""
    half = len(told) // 2
    first, last = (
        float(np.nanmean([one.anchor_rate for one in part])) for part in (told[:half], told[half:])
    )
    return first, last


def test_rounds_of_retraining_keep_the_rate_at_alpha(tmp_path: Path) -> None:
    check(rounds(tmp_path, World(2, resemblance=0.3), 4))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("seed", "resemblance"), [(1, 0.0), (2, 0.3)])
def test_twenty_rounds_of_retraining_keep_the_rate_and_the_width(
    seed: int, resemblance: float, tmp_path: Path
) -> None:
    told = rounds(tmp_path, World(seed, resemblance=resemblance), 20)
    check(told)
    first, last = spread(told)
    assert last <= max(
        1.5 * first, first + 0.005
    )  # a narrower reference finds the first one unusual
