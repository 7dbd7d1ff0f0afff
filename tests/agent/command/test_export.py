"""``driftgauge export``: what other programs read is what the database holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import inspect

from driftgauge.agent.command import export as command
from driftgauge.agent.pages.parquet import write_parquet
from driftgauge.storage import EXPORTED, Database, Store

from ...stores import START, STREAM, advance, flush, window
from .reading import Run, run, watched, written

__all__ = ["run", "watched", "written"]


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("view", sorted(EXPORTED))
def test_an_export_holds_every_row_of_its_view(
    run: Run, tmp_path: Path, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "BATCH_ROWS", 5)
    done = run("export", "--to", "out.parquet", "--view", view)
    (asked,) = run("query", f"SELECT count(*) AS n FROM {view}", "--json").values
    assert done.out == f"Wrote out.parquet: {asked['n']} rows of {view}.\n"
    read = pq.read_table(tmp_path / "out.parquet")
    assert read.num_rows == asked["n"]
    assert read.column_names == list(EXPORTED[view])
    events = run("query", f"SELECT sum(events) AS n FROM {view}", "--json").values
    assert sum(read["events"].to_pylist()) == events[0]["n"]


@pytest.mark.usefixtures("watched")
def test_an_export_has_times_that_other_programs_know(run: Run, tmp_path: Path) -> None:
    run(
        "export",
        "--to",
        "out.parquet",
        "--since",
        "2026-03-01T12:30",
        "--until",
        "2026-03-01T14:00",
    )
    read = pq.read_table(tmp_path / "out.parquet")
    assert read.schema.field("period_start").type == pa.timestamp("us", tz="UTC")
    assert {row["period_start"] for row in read.to_pylist()} == {START + timedelta(hours=1)}


def test_every_column_of_an_exported_view_is_exported(database: Database) -> None:
    with database.read() as connection:
        for view, columns in EXPORTED.items():
            assert [row["name"] for row in inspect(connection).get_columns(view)] == list(columns)


def test_both_databases_export_the_same_rows(store: Store) -> None:
    store.flush(flush(advance(None, 9), windows=[window({0: 1, 17: 3}, layer="blocks.1")]))
    with store.read_view("ood_rate_daily", STREAM, batch_rows=10) as (total, batches):
        day = START.replace(hour=0)
        wanted = (STREAM, "*", "blocks.1", "detector-1", day, 4, 1, 0.25, 4, 0.01)
        assert (total, list(batches)) == (1, [[wanted]])


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"

    def batches() -> list[list[tuple[object]]]:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_parquet(path, {"n": "count"}, (batches() for _ in range(1)), on_rows=lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("watched")
def test_an_export_says_what_it_cannot_do(run: Run) -> None:
    assert run("export", "--to", "rates.csv").code == 2
    assert (
        "wanted one of ood_rate_minutely" in run("export", "--to", "a.parquet", "--view", "x").err
    )
    assert "cannot be written to no/a.parquet" in run("export", "--to", "no/a.parquet").err
    empty = run("export", "--to", "a.parquet", "--since", "2027-01-01")
    assert empty.out == "Wrote a.parquet: 0 rows of ood_rate_hourly.\n"
