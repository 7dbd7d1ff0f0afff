"""The history's levels: exact whatever was rolled up, dropped or came late, and read through any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text

from driftgauge.storage import Database, Judgement, MonitorState, Store, WindowRecord

from ..stores import STREAM, HandClock, advance, alert, evidence, flush, window

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
VIEWS = {"minutely": timedelta(minutes=1), "hourly": HOUR, "daily": DAY}

Totals = Counter[tuple[str, str, datetime]]


class Traffic:
    """Flushes of random counts, each of a partition of its own, and what they sum up to."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.rng, self.n = store, np.random.default_rng(seed), 0
        self.counted: Totals = Counter()

    def flush(self, minutes: Sequence[float]) -> None:
        rows = [self._window(minute) for minute in minutes]
        self.store.flush(flush(advance(None, 1, partition=self.n), windows=rows))
        self.n += 1
        for row in rows:
            self.counted[row.segment, row.layer, row.window_start] += row.events

    def _window(self, minute: float) -> WindowRecord:
        segment = str(self.rng.choice(["*", "camera=1", "camera=2"]))
        layer = str(self.rng.choice(["*", "blocks.1"]))
        counts = self.rng.poisson(2, 18).tolist()
        return window(counts, minute=int(minute), segment=segment, layer=layer)


@pytest.fixture
def traffic(store: Store) -> Traffic:
    return Traffic(store, seed=5)


def roll_up(store: Store, *, slice_rows: int = 7) -> int:
    return sum(iter(lambda: store.upkeep.roll_up_some(slice_rows=slice_rows), 0))


def totals(database: Database, view: str) -> Totals:
    found: Totals = Counter()
    with database.read() as connection:
        for segment, layer, start, events in connection.exec_driver_sql(
            f"SELECT segment, layer, period_start, events FROM ood_rate_{view}"
        ):
            key = segment, layer, moment(start)
            assert key not in found  # one row a period
            found[key] = events
    return found


def moment(value: object) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    assert isinstance(value, datetime)
    return value.astimezone(UTC)


def floored(counted: Totals, span: timedelta) -> Totals:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    sums: Totals = Counter()
    for (segment, layer, start), events in counted.items():
        sums[segment, layer, epoch + (start - epoch) // span * span] += events
    return Counter({key: n for key, n in sums.items() if n})


def agree(database: Database, counted: Totals) -> None:
    for view, span in VIEWS.items():
        assert totals(database, view) == floored(counted, span)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_level_has_every_count_once_whenever_it_is_rolled_up_and_however_late_it_comes(
    store: Store, database: Database, clock: HandClock, seed: int
) -> None:
    traffic = Traffic(store, seed)
    for _ in range(4):
        clock.advance(float(traffic.rng.integers(0, 40_000)))
        now = (clock() - NOON) / timedelta(minutes=1)
        traffic.flush((now - traffic.rng.exponential(600, 30)).tolist())  # most are late
        if traffic.rng.random() < 0.7:
            store.upkeep.roll_up_some(slice_rows=int(traffic.rng.integers(1, 60)))
        agree(database, traffic.counted)
    roll_up(store)
    agree(database, traffic.counted)


def stored(database: Database, table: str) -> int:
    with database.read() as connection:
        return connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def test_what_is_dropped_of_a_level_is_read_from_the_next(
    store: Store, database: Database, clock: HandClock, traffic: Traffic
) -> None:
    traffic.flush(range(0, 20 * 24 * 60, 97))
    clock.advance(20 * 86_400)
    roll_up(store, slice_rows=500)
    whole = floored(traffic.counted, DAY)
    keep = {"window": timedelta(days=3), "hour": timedelta(days=10), "day": None}
    plan = store.upkeep.plan_retention(STREAM, keep, count=True)
    before = {name: stored(database, f"{name}_counts") for name in keep}
    assert list(store.upkeep.retain(STREAM, keep))
    for level in plan:
        gone = before[level.level] - stored(database, f"{level.level}_counts")
        assert gone == level.rows
    assert [level.kept_from - NOON for level in plan[:2]] == [17 * DAY, 10 * DAY - 12 * HOUR]
    assert totals(database, "daily") == whole
    for view in ("hourly", "minutely"):
        assert floored(totals(database, view), DAY) == whole
    recent = {key: n for key, n in traffic.counted.items() if key[2] >= plan[0].kept_from and n}
    assert recent.items() <= totals(database, "minutely").items()
    assert sum(store.event_counts(STREAM).values()) == sum(
        n for (_, layer, _), n in traffic.counted.items() if layer == "*"
    )
    assert list(store.upkeep.retain(STREAM, keep)) == []


def test_a_count_for_a_time_that_is_dropped_is_kept_in_the_coarser_levels(
    store: Store, database: Database, clock: HandClock, traffic: Traffic
) -> None:
    clock.advance(20 * 86_400)
    roll_up(store)
    keep = {"window": timedelta(days=3), "hour": timedelta(days=10), "day": None}
    list(store.upkeep.retain(STREAM, keep))
    traffic.flush([0, 60, 14 * 24 * 60])
    whole = floored(traffic.counted, DAY)
    for view in VIEWS:
        assert floored(totals(database, view), DAY) == whole
    mark_judged(database)
    list(store.upkeep.retain(STREAM, keep))
    assert stored(database, "window_counts") == 0
    for view in VIEWS:
        assert floored(totals(database, view), DAY) == whole


def mark_judged(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE segment_progress SET waiting_since = NULL")


def test_a_window_that_waits_to_be_judged_is_not_dropped(
    store: Store, database: Database, clock: HandClock, traffic: Traffic
) -> None:
    clock.advance(2 * 86_400)
    traffic.flush(range(0, 600, 60))
    roll_up(store)
    keep = {"window": DAY, "hour": None, "day": None}
    assert store.upkeep.plan_retention(STREAM, keep)[0].held_by == "not judged yet"
    assert list(store.upkeep.retain(STREAM, keep)) == []
    mark_judged(database)
    assert store.upkeep.plan_retention(STREAM, keep)[0].held_by == ""
    assert sum(store.upkeep.retain(STREAM, keep)) >= 1


def test_of_two_streams_the_one_that_keeps_longer_decides(store: Store) -> None:
    store.ensure_stream("line-4", "images", 60)
    long = {"window": DAY * 30, "hour": None, "day": None}
    short = {"window": DAY * 2, "hour": DAY * 3, "day": DAY * 4}
    list(store.upkeep.retain("line-4", long))
    roll_up(store)
    plan = store.upkeep.plan_retention(STREAM, short)
    assert [level.kept_from for level in plan[1:]] == [datetime(1970, 1, 1, tzinfo=UTC)] * 2
    assert plan[0].kept_from == NOON - DAY * 30


def killed(steps: Iterator[int]) -> None:
    next(steps)


def test_a_roll_up_and_a_retention_that_are_killed_go_on_where_they_were(
    store: Store, database: Database, clock: HandClock, traffic: Traffic
) -> None:
    traffic.flush(range(0, 10 * 24 * 60, 61))
    clock.advance(10 * 86_400)
    assert store.upkeep.roll_up_some(slice_rows=20)
    with pytest.raises(RuntimeError):
        killed_in_a_slice(database)
    agree(database, traffic.counted)
    roll_up(store, slice_rows=100)
    keep = {"window": timedelta(days=2), "hour": None, "day": None}
    killed(store.upkeep.retain(STREAM, keep))
    whole = floored(traffic.counted, HOUR)
    assert totals(database, "hourly") == whole
    list(store.upkeep.retain(STREAM, keep))
    assert totals(database, "hourly") == whole


def killed_in_a_slice(database: Database) -> None:
    from driftgauge.storage.rollup import roll_up_some

    with database.write() as connection:
        assert roll_up_some(connection, NOON + DAY, slice_rows=20)
        raise RuntimeError


def test_evidence_of_alerts_stays_and_quiet_days_keep_their_most_unusual(
    store: Store, clock: HandClock
) -> None:
    picture = b"x" * 100
    kept = [
        evidence(day * 10 + n, minute=day * 1440 + n, p=0.001 * (n + 1), thumbnail=picture)
        for day in range(4)
        for n in range(10)
    ]
    store.flush(flush(advance(None, 1), evidence=kept))
    since = NOON + DAY
    claim = alert(segment="*", since=since, refreshed_at=since + timedelta(minutes=4))
    store.judge(Judgement(STREAM, None, MonitorState(NOON, ""), [claim]))
    n_dropped = store.upkeep.prune_evidence(STREAM, before=NOON, max_bytes=1100)
    left = sorted(row.offset for row in store.evidence(STREAM))
    assert n_dropped == 29
    assert left == [0, 1, 10, 11, 12, 13, 14, 20, 21, 30, 31]
