"""Histograms, as the monitor reads them, are those of the windows; few series are not found by reading all."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from operator import attrgetter

import numpy as np
import pytest
from sqlalchemy import event

from driftgauge.storage import Database, Store

from ..stores import DETECTOR, START, STREAM, advance, flush, window

MINUTE = timedelta(minutes=1)
CAMERAS = [f"camera={number}" for number in range(12)]


@pytest.fixture
def counted(store: Store) -> Store:
    """Count windows of some cameras, and of another detector."""
    rng = np.random.default_rng(3)
    rows = [
        window(rng.integers(0, 9, 18).tolist(), minute=minute, segment=segment, layer=layer)
        for minute in (0, 1, 5)
        for segment in CAMERAS
        for layer in ("*", "blocks.1")
        if rng.random() < 0.8
    ]
    store.flush(flush(advance(None, 1), windows=rows))
    return store


SPANS = list(
    product(
        (None, START, START - timedelta(microseconds=1)),
        (START + timedelta(seconds=second) for second in (1, 60, 61, 10_000)),
        (None, CAMERAS, CAMERAS[3:4], ["camera=none"], []),
    )
)


def test_they_are_those_of_the_windows(counted: Store) -> None:
    for after, until, segments in SPANS:
        own = (STREAM, DETECTOR)
        windows = counted.windows(*own, after=after, until=until, segments=segments)
        found = counted.histograms(*own, after=after, until=until, segments=segments)
        rows = sorted(found, key=attrgetter("window_start", "segment", "layer"))
        assert [(row.segment, row.layer, row.window_start, row.counts) for row in windows] == rows
        starts = [row.window_start for row in found]
        assert starts == sorted(starts)
        assert found.segments == sorted({row.segment for row in windows})


def test_they_are_cut_by_the_last_window_of_each_segment_and_given_by_start(counted: Store) -> None:
    found = counted.histograms(STREAM, DETECTOR, after=None, until=START + 9 * MINUTE)
    cut = found.until({"camera=3": START, "camera=4": START - MINUTE})
    assert {row.segment for row in cut} == set(CAMERAS) - {"camera=4"}
    assert {row.window_start for row in cut if row.segment == "camera=3"} == {START}
    parts = list(found.by_start())
    assert [start for start, _ in parts] == [START, START + MINUTE, START + 5 * MINUTE]
    assert sum(len(part) for _, part in parts) == len(found)
    assert (found.first, found.last) == (START, START + 5 * MINUTE)


def test_sqlite_looks_the_series_of_one_segment_up(counted: Store, database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL reads the blocks of the span")
    plans: list[str] = []

    def explain(
        connection: object, _: object, statement: str, given: object, *more: object
    ) -> None:
        if "window_counts" in statement and not statement.startswith("EXPLAIN"):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)  # type: ignore[attr-defined]  # SQLAlchemy's
            plans.extend(row[3] for row in plan)

    event.listen(database._engine, "before_cursor_execute", explain)
    span = {"after": None, "until": START + 9 * MINUTE}
    counted.histograms(STREAM, DETECTOR, segments=CAMERAS[:1], **span)  # type: ignore[arg-type]  # by name
    assert any("PRIMARY KEY (window_start=? AND series=?)" in line for line in plans)
    plans.clear()
    counted.histograms(STREAM, DETECTOR, segments=CAMERAS, **span)  # type: ignore[arg-type]  # by name
    assert any("PRIMARY KEY (window_start<?)" in line for line in plans)
