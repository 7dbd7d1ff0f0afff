"""docs/sql.md is true: its queries run and find rows, and it names every table and column."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect

from driftgauge.storage import (
    LABEL_LAYERS,
    Database,
    DetectorRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    SegmentBaseline,
    Store,
)
from driftgauge.storage.tables import BINS, metadata
from driftgauge.storage.views import view_names

from ..stores import DETECTOR, START, STREAM, advance, alert, evidence, flush, window

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sql ?(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def fill(store: Store) -> None:
    rows = [
        window(range(1, 19), minute=minute, segment=segment, layer=layer)
        for minute in (-1440, 0, 60, 1440)
        for segment in ("*", "camera=3")
        for layer in ("*", "blocks.1", *LABEL_LAYERS)
    ]
    store.flush(flush(advance(None, 9), windows=rows, evidence=[evidence(1), evidence(2)]))
    store.heartbeat(HeartbeatRecord(agent="a", stream=STREAM, host="b", version="1", condition="c"))
    manifest = {"classes": ["cat", "dog"]}
    store.register_detector(DetectorRecord(DETECTOR, STREAM, "file:d1", START, "active", manifest))
    (raised,) = store.judge(Judgement(STREAM, None, MonitorState(START, ""), [alert()]))
    baseline = SegmentBaseline(
        segment="camera=3",
        source="learnt",
        made_by="monitor",
        events=2000,
        effective_events=800.0,
        windows=60,
        tests=("betting",),
        measured=b"",
    )
    store.write_baselines(STREAM, "d1", [baseline])
    store.transition_alert(raised.id or 0, "resolved", at=START + timedelta(hours=1), by="ada")


@pytest.mark.parametrize(("only", "query"), BLOCKS)
def test_every_query_of_the_page_runs_and_finds_rows(
    only: str, query: str, backend: str, store: Store, database: Database
) -> None:
    fill(store)
    if only in ("", backend):
        with database.read() as connection:
            assert connection.exec_driver_sql(query).fetchall()


def test_the_page_names_every_table_view_and_column() -> None:
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    wanted = {*metadata.tables, *view_names(), *columns.difference(BINS), "bin_00", "bin_17"} - {
        "id"
    }
    assert sorted(name for name in wanted if f"`{name}`" not in PAGE) == []


def test_every_column_of_a_view_is_described_where_the_view_is(database: Database) -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    missing = []
    with database.read() as connection:
        for view in view_names():
            described = "".join(section for section in sections if f"`{view}`" in section)
            columns = [str(row["name"]) for row in inspect(connection).get_columns(view)]
            missing += [
                f"{view}.{name}"
                for name in columns
                if f"`{name}`" not in described and name not in BINS
            ]
    assert missing == []


def test_the_page_has_queries_for_both_databases() -> None:
    assert {only for only, _ in BLOCKS} == {"", "sqlite", "postgresql"}
