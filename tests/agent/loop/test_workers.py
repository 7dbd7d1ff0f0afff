from __future__ import annotations

import threading

import pytest

from driftgauge.agent.loop.workers import Workers


def test_work_gives_its_result_or_its_error() -> None:
    workers = Workers(2, "w")
    assert [workers.submit(pow, 2, n).result(10) for n in range(5)] == [1, 2, 4, 8, 16]
    with pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0).result(10)
    assert workers.close(10) == 0


def test_what_was_cancelled_is_not_begun() -> None:
    gate, begun = threading.Event(), threading.Event()
    workers = Workers(1, "w")
    first = workers.submit(gate.wait)
    second = workers.submit(begun.set)
    assert second.cancel()
    gate.set()
    assert workers.close(10) == 0
    assert first.result()
    assert not begun.is_set()


def test_work_that_hangs_is_counted_and_not_waited_for() -> None:
    gate = threading.Event()
    workers = Workers(3, "w")
    workers.submit(gate.wait)
    assert workers.close(0.05) == 1
    gate.set()
    assert workers.close(10) == 0
