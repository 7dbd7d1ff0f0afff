"""When to try again, and how long to wait."""

from __future__ import annotations

import pytest

from driftgauge.agent.errors import EventFetchError
from driftgauge.agent.fetch.away import Away
from driftgauge.agent.retry.attempts import try_again
from driftgauge.agent.retry.backoff import spread_delay


def failing(*failures: Exception) -> tuple[list[int], object]:
    left, calls = list(failures), [0]

    def call() -> str:
        calls[0] += 1
        if left:
            raise left.pop(0)
        return "there"

    return calls, call


def test_what_may_pass_is_tried_again_with_waits_that_grow() -> None:
    calls, call = failing(Away("1"), Away("2"))
    waits: list[float] = []
    assert try_again(call, tries=3, wait=waits.append) == "there"  # type: ignore[arg-type]
    assert calls == [3]
    assert 0.1 <= waits[0] <= 0.2 <= waits[1] <= 0.4


def test_what_stays_is_not_tried_again_and_the_last_failure_is_raised() -> None:
    calls, call = failing(EventFetchError("not there"))
    with pytest.raises(EventFetchError, match="not there"):
        try_again(call, tries=3, wait=lambda _: None)  # type: ignore[arg-type]
    assert calls == [1]
    calls, call = failing(Away("1"), Away("2"), Away("3"))
    with pytest.raises(Away, match="2"):
        try_again(call, tries=2, wait=lambda _: None)  # type: ignore[arg-type]
    assert calls == [2]


def test_callers_that_failed_together_come_back_apart() -> None:
    delays = {spread_delay(3) for _ in range(50)}
    assert len(delays) > 40
    assert 0.8 <= min(delays) <= max(delays) <= 1.6
    assert spread_delay(10_000) <= 30
