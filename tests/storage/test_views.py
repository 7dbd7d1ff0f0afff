"""The views agree with Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgauge.storage import ALPHAS, EDGES, Database, Judgement, MonitorState, Period, Store

from ..stores import DETECTOR, START, STREAM, TOPIC, advance, alert, flush, window


def read(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def moment(value: object) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    assert isinstance(value, datetime)
    return value.astimezone(UTC)


RATES = {"minute": "ood_rate_minutely", "hour": "ood_rate_hourly", "day": "ood_rate_daily"}


@pytest.mark.parametrize("period", ["minute", "hour", "day"])
def test_rate_views_agree_with_the_store(store: Store, database: Database, period: Period) -> None:
    rng = np.random.default_rng(3)
    rows = [
        window(
            rng.integers(0, 9, 18).tolist(),
            minute=float(minute),
            segment=segment,
            left_out=(int(rng.integers(9, 90)), int(rng.integers(0, 9))),
        )
        for minute in rng.uniform(-2000, 2000, 60).round(1)
        for segment in ("*", "camera=3")
    ]
    store.flush(flush(advance(None, 1), windows=[*rows, window({}, segment="camera=4")]))
    query = (
        "SELECT period_start, segment, layer, detector, events, ood_events, ood_rate, "
        "represented, stream, alpha "
        f"FROM {RATES[period]} ORDER BY period_start, segment"
    )
    wanted = [
        (row.period_start, row.segment, row.layer, row.detector, row.events, row.ood_events,
         pytest.approx(row.ood_rate), row.represented, STREAM, row.alpha)
        for row in store.rates(STREAM, period=period)
    ]  # fmt: skip
    found = [(moment(row[0]), *row[1:]) for row in read(database, query)]
    assert found == wanted


@pytest.mark.parametrize("alpha", ALPHAS)
def test_rate_views_agree_with_the_store_at_every_alpha(
    store: Store, database: Database, alpha: float
) -> None:
    store.ensure_stream("line-4", TOPIC, 60)
    store.ensure_stream(STREAM, TOPIC, 60, alpha=alpha)
    rows = [window(range(1, 19), left_out=(90, 7))]
    store.flush(flush(advance(None, 1), windows=rows))
    store.flush(replace(flush(advance(None, 1), windows=rows), stream="line-4"))
    query = "SELECT stream, alpha, ood_events, ood_rate FROM ood_rate_daily ORDER BY stream"
    assert read(database, query) == [
        (name, row.alpha, row.ood_events, pytest.approx(row.ood_rate))
        for name in (STREAM, "line-4")
        for row in store.rates(name, period="day")
    ]


def test_the_histogram_view_has_the_bins_of_every_window(store: Store, database: Database) -> None:
    counts = list(range(100, 118))
    store.flush(flush(advance(None, 1), windows=[window(counts, segment="camera=3")]))
    found = read(
        database,
        "SELECT p_low, p_high, events, stream, segment, layer, detector, window_start "
        "FROM p_value_histogram ORDER BY p_low",
    )
    key = (STREAM, "camera=3", "*", DETECTOR, START)
    assert [(*row[:7], moment(row[7])) for row in found] == [
        (*edges, count, *key) for *edges, count in zip(EDGES, EDGES[1:], counts, strict=False)
    ]


def test_alert_history_tells_who_did_what_when(store: Store, database: Database) -> None:
    first, second = store.judge(
        Judgement(STREAM, None, MonitorState(START, ""), [alert(), alert(segment="camera=4")])
    )
    times = [START + timedelta(minutes=m) for m in (5, 9)]
    store.transition_alert(first.id or 0, "acknowledged", at=times[0], by="ada")
    store.transition_alert(first.id or 0, "resolved", at=times[1], by="bob")
    found = read(
        database,
        "SELECT alert_id, state, acknowledged_by, resolved_by, acknowledged_at, resolved_at "
        "FROM alert_history ORDER BY alert_id",
    )
    assert found[0][:4] == (first.id, "resolved", "ada", "bob")
    assert [moment(value) for value in found[0][4:]] == times
    assert found[1] == (second.id, "open", None, None, None, None)


def test_times_read_as_text_that_sorts_in_sqlite(
    store: Store, backend: str, database: Database
) -> None:
    if backend != "sqlite":
        return
    minutes = (0, 0.5, 1, -1 / 60)
    store.flush(flush(advance(None, 1), windows=[window({0: 1}, minute=m) for m in minutes]))
    texts = [row[0] for row in read(database, "SELECT window_start FROM score_window ORDER BY 1")]
    assert texts == [
        "2026-03-01 11:59:59",
        "2026-03-01 12:00:00",
        "2026-03-01 12:00:30",
        "2026-03-01 12:01:00",
    ]
    newer = (
        "SELECT count(*) FROM score_window WHERE window_start >= datetime('2026-03-01 12:00:30')"
    )
    assert read(database, newer) == [(2,)]
