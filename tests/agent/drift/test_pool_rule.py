from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.pool_rule import is_worth_testing


def counts(n_events: int) -> NDArray[np.int64]:
    found = np.zeros((2, 18), dtype=np.int64)
    found[:, 9] = n_events
    return found


@pytest.mark.parametrize(
    ("parts", "tested", "is_worth"),
    [
        ({"camera=a": 60, "camera=b": 40}, {"camera=a", "camera=b"}, True),
        ({"camera=a": 100}, {"camera=a"}, False),
        ({}, set(), True),
        ({"camera=a": 60, "camera=b": 40}, {"camera=a"}, False),
        ({"camera=a": 97, "camera=b": 3}, {"camera=a"}, True),
        ({"camera=a": 60, "camera=b": 40, "site=n": 96, "site=s": 4}, {"camera=a"}, False),
        ({"camera=a": 60, "site=n": 96, "site=s": 4}, {"camera=a", "site=n"}, True),
    ],
    ids=[
        "two cameras",
        "one camera alone",
        "no segments",
        "one is learnt",
        "a rare one is learnt",
        "one key learnt",
        "events without a camera",
    ],
)
def test_the_whole_is_tested_where_it_can_tell_more_than_its_parts(
    parts: dict[str, int], tested: set[str], *, is_worth: bool
) -> None:
    segments = {name: counts(n) for name, n in {**parts, "*": 100}.items()}
    assert is_worth_testing(segments, tested) is is_worth
