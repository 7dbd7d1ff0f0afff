"""Each part of bench-sql runs to its end, on both databases."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..benchmarks import sql, sql_flush

SMALL = "--cameras 2 --many-cameras 3 --camera-days 0.1 --streams 2 --hour-days 1 --flushes 4"


Benchmark = Callable[..., Any]


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """Run one part in an empty folder, and give what it wrote."""
    monkeypatch.chdir(tmp_path)

    def run(part: str, *arguments: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["sql", "--only", part, *arguments])
        sql.main()
        return json.loads((tmp_path / f"build/benchmarks/sql-{part}.json").read_text())

    return run


@pytest.mark.parametrize("part", sql.PARTS)
def test_each_part_writes_its_figures(
    part: str, backend: str, benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "DAYS", 2)
    monkeypatch.setattr(sql_flush, "DAYS", 2)
    monkeypatch.setattr(sql_flush, "SEGMENTS", 20)
    found = benchmark(part, "--databases", backend, *SMALL.split())
    names = " ".join(figure["name"] for figure in found["figures"])
    assert ("slowed by retention" if part == "flush" else "bytes a row") in names
    assert all(row["database"] == f"{backend}, {part}" for row in found["rows"])
    assert (len(found["rows"]) > 25) == (part != "flush")


@pytest.mark.slow
def test_no_documented_query_takes_a_second_on_a_year_of_a_hundred_streams(
    backend: str, benchmark: Benchmark
) -> None:
    found = benchmark("year", "--databases", backend)
    asked = [figure for figure in found["figures"] if "processor time" in figure["name"]]
    assert len(asked) > 25
    assert [figure for figure in asked if not figure["holds"]] == []
