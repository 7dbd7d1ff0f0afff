"""Each part of bench-sql runs to its end, on both databases."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from . import sql, sql_flush

SMALL = "--cameras 2 --many-cameras 3 --camera-days 0.1 --streams 2 --hour-days 1 --flushes 4"


@pytest.mark.parametrize("part", sql.PARTS)
def test_each_part_writes_its_figures(
    part: str, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sql, "DAYS", 2)
    monkeypatch.setattr(sql_flush, "DAYS", 2)
    monkeypatch.setattr(sql_flush, "SEGMENTS", 20)
    arguments = ["--only", part, "--databases", backend, *SMALL.split()]
    monkeypatch.setattr(sys, "argv", ["sql", *arguments])
    sql.main()
    found = json.loads((tmp_path / f"build/benchmarks/sql-{part}.json").read_text())
    names = " ".join(figure["name"] for figure in found["figures"])
    assert ("slowed by retention" if part == "flush" else "bytes a row") in names
    assert all(row["database"] == f"{backend}, {part}" for row in found["rows"])
    assert (len(found["rows"]) > 25) == (part != "flush")
