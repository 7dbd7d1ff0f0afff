"""``driftgauge query``, on a real SQLite file."""

from __future__ import annotations

import csv
import io

import pytest

from driftgauge.storage import Store

from .reading import Run, run, watched, written

__all__ = ["run", "watched", "written"]

RATES = (
    "SELECT segment, period_start, ood_rate FROM ood_rate_hourly WHERE layer = '*' ORDER BY 1, 2"
)


@pytest.mark.usefixtures("watched")
def test_a_query_is_answered_as_a_table_as_json_and_as_csv(run: Run) -> None:
    asked = f"{RATES} LIMIT 2"
    assert "2026-03-01 13:00:00       0.3" in run("query", asked).out
    rows = run("query", asked, "--json").values
    assert rows[1] == {"segment": "*", "period_start": "2026-03-01 13:00:00", "ood_rate": 0.3}
    read = list(csv.DictReader(io.StringIO(run("query", asked, "--csv").out)))
    assert [{**row, "ood_rate": float(row["ood_rate"])} for row in read] == rows


@pytest.mark.usefixtures("watched")
def test_a_query_that_was_cut_says_so_beside_the_answer(run: Run) -> None:
    cut = run("query", RATES, "--limit", "1", "--csv")
    assert len(cut.out.splitlines()) == 2
    assert cut.err == "Only the first 1 rows; --limit shows more.\n"


@pytest.mark.usefixtures("watched")
def test_a_query_is_read_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS n FROM stream;\n"))
    assert run("query", "-", "--json").values == [{"n": 1}]


@pytest.mark.usefixtures("watched")
def test_without_a_query_views_and_tables_are_listed(run: Run) -> None:
    lines = run("query").out.splitlines()
    assert "view  ood_rate_hourly" in lines
    assert "table stream" in lines


def test_a_query_that_writes_is_refused(run: Run, watched: Store) -> None:
    refused = run("query", "DELETE FROM stream", "--store", "sqlite:///runs/driftgauge.db")
    assert refused.code == 1
    assert "error: the query does more than read" in refused.err
    assert len(watched.streams()) == 1
    wrong = run("query", "SELECT colour FROM stream")
    assert "no such column: colour" in wrong.err
    assert "docs/sql.md" in wrong.err
    assert run("query", "SELECT 1", "--timeout", "soon").code == 2


@pytest.mark.usefixtures("watched")
def test_a_hostile_value_does_not_steer_the_terminal(run: Run) -> None:
    shown = run("query", "SELECT char(27) || '[2J' AS a, NULL AS b, x'00' AS c").out
    assert "\\x1b[2J" in shown
    assert "\x1b" not in shown
    assert run("query", "SELECT 1 WHERE 1 = 0").out == "No rows.\n"
