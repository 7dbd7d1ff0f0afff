"""Threads follow the processors that the process may use, not those of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from driftgauge.agent.loop import processors
from driftgauge.agent.loop.processors import decoding_threads, usable_processors

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity is Linux's")


@pytest.fixture
def six(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process have six processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))


@pytest.mark.usefixtures("six")
@pytest.mark.parametrize(
    ("limit", "wanted"),
    [("max 100000", 6), ("250000 100000", 3), ("50000 100000", 1), ("900000 100000", 6), ("", 6)],
)
def test_a_containers_limit_counts(tmp_path: Path, limit: str, wanted: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    assert usable_processors(file) == wanted


@pytest.mark.usefixtures("six")
def test_without_a_limit_all_may_be_used(tmp_path: Path) -> None:
    assert usable_processors(tmp_path / "missing") == 6


@pytest.mark.parametrize(("n", "wanted"), [(1, 2), (2, 2), (6, 6), (64, 8)])
def test_decoding_has_a_thread_for_each_processor_from_two_to_eight(
    monkeypatch: pytest.MonkeyPatch, n: int, wanted: int
) -> None:
    monkeypatch.setattr(processors, "usable_processors", lambda: n)
    assert decoding_threads("auto") == wanted
    assert decoding_threads(3) == 3
