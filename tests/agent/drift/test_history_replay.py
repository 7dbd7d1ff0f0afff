from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from driftgauge.agent.drift.history_replay import Replay, Replayed
from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.drift.monitor_settings import MonitorSettings
from driftgauge.agent.drift.tests.catalogue import choose_tests
from driftgauge.storage import AlertRecord, Database, Store, StoreUnavailable

from .test_monitor import (
    COLUMNS,
    DETECTOR,
    SETTINGS,
    START,
    STREAM,
    Counts,
    Traffic,
    monitor,
    partly,
    reference,
)

WINDOW = SETTINGS.window


class NotToBeRead(Mapping[str, Counts]):
    """A detector's reference that nobody needs."""

    def __getitem__(self, name: str) -> Counts:
        raise AssertionError(f"the reference of {name} was read")

    def __iter__(self) -> None:  # type: ignore[override]  # as said
        raise AssertionError("the reference was read")

    def __len__(self) -> int:
        return 1


def replayed(
    store: Store,
    *,
    settings: MonitorSettings = SETTINGS,
    known: Mapping[str, Counts] | None = None,
    skip: int = 0,
    segments: list[str] | None = None,
) -> Replayed:
    replay = Replay(
        store,
        detector=DETECTOR,
        columns=COLUMNS,
        reference=NotToBeRead() if known is None else known,
        settings=settings,
    )
    begins = START + skip * WINDOW
    return replay.run(begins, START + timedelta(days=30), segments=segments)


def verdict(alert: AlertRecord) -> tuple[object, ...]:
    """Return what an alert says, without the clocks of who judged."""
    return (
        *(alert.segment, alert.test, alert.state, alert.severity, alert.since),
        *(alert.window_start, alert.refreshed_at, alert.rate_now, alert.rate_peak, alert.events),
        *(alert.log_e_value, alert.reopened, alert.message, json.dumps(alert.layers)),
    )


def told(store: Store) -> list[tuple[object, ...]]:
    return [verdict(alert) for alert in reversed(store.alerts(STREAM))]


def live_through(store: Store, traffic: Traffic, judge: Monitor) -> None:
    """A change, a worse one inside it, its end, and one of the other camera; a turn after each window."""
    sent = traffic.send

    def judged(cameras: dict[str, Counts], detector: str = DETECTOR) -> None:
        for row in range(len(next(iter(cameras.values())))):
            sent({name: windows[row : row + 1] for name, windows in cameras.items()}, detector)
            judge.turn()

    traffic.send = judged  # type: ignore[method-assign]  # to judge as it sends
    traffic.quiet(31, 20)
    traffic.send(partly(25, 400, 0.13))
    traffic.send(partly(10, 410, 0.45))
    traffic.quiet(12, 60)
    traffic.fault(4, 30, camera="camera=2")


@pytest.mark.parametrize("lacking", ["", "camera=2"])
def test_a_replay_says_the_same_as_the_monitor_to_the_last_bit(store: Store, lacking: str) -> None:
    """Also where a segment was learnt meanwhile: it is judged from the window on that the monitor judged."""
    traffic, judge = Traffic(store), monitor(store, lacking=lacking)
    live_through(store, traffic, judge)
    found = replayed(store)
    assert [verdict(alert) for alert in found.alerts] == told(store)
    assert len(found.alerts) >= 2
    kept = {row.segment: row.nearness for row in store.segment_states(STREAM, DETECTOR, test="*")}
    last = {name: course.nearness[-1] for name, course in found.courses.items()}
    assert {name: kept[name] for name in last} == pytest.approx(last, abs=1e-4), "kept to 4 digits"
    not_judged = {name: course.not_judged for name, course in found.courses.items()}
    assert not_judged["camera=2"] == (30 if lacking else 0)


def test_a_backlog_judged_at_once_says_the_same_too(store: Store) -> None:
    traffic = Traffic(store)
    traffic.quiet(20, 20)
    traffic.send(partly(40, 400, 0.13))
    traffic.quiet(12, 60)
    monitor(store).turn()
    assert [verdict(alert) for alert in replayed(store).alerts] == told(store) != []


def test_a_replay_writes_nothing(database: Database, store: Store) -> None:
    traffic = Traffic(store)
    traffic.quiet(10, 20)
    monitor(store).turn()
    traffic.fault(8, 30)  # counted, and judged by nobody
    before = contents(database)
    reads = Database(database_url(database), reads_only=True)
    try:
        found = replayed(Store(reads))
        assert [alert.segment for alert in found.alerts] == ["camera=1"]
        with pytest.raises(StoreUnavailable, match=r"readonly|read-only"):
            Store(reads).ensure_stream("another", "another", 60)
    finally:
        reads.close()
    assert contents(database) == before
    assert store.alerts(STREAM) == []


def database_url(database: Database) -> str:
    return database._url.render_as_string(hide_password=False)


def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            name: sorted(map(tuple, connection.exec_driver_sql(f'SELECT * FROM "{name}"')), key=str)
            for name in database.table_names()
        }


def test_other_budgets_and_tests_are_tried_without_a_fit(store: Store) -> None:
    traffic = Traffic(store)
    traffic.quiet(20, 20)
    traffic.send(partly(30, 400, 0.13))
    monitor(store).turn()
    (alert,) = replayed(store).alerts
    strict = replace(SETTINGS, windows_between_false_alarms=1e9)
    later = replayed(store, settings=strict).alerts
    assert all(row.window_start > alert.window_start for row in later)
    rule = replace(SETTINGS, tests=choose_tests(["ood_rate"]))
    by_rule = replayed(store, settings=rule, known=reference()).alerts
    assert {row.test for row in by_rule} <= {"ood_rate"}
    assert [
        row.segment for row in store.baselines(STREAM, DETECTOR) if "ood_rate" in row.tests
    ] == []


def test_a_span_and_some_segments_alone(store: Store) -> None:
    traffic = Traffic(store)
    traffic.fault(8, 30)
    traffic.quiet(30, 40)
    traffic.fault(8, 50, camera="camera=2")
    monitor(store).turn()
    later = replayed(store, skip=20)
    assert [alert.segment for alert in later.alerts] == ["camera=2"]
    assert later.courses["camera=1"].starts[0] == START + 20 * WINDOW
    alone = replayed(store, segments=["camera=1"])
    assert [alert.segment for alert in alone.alerts] == ["camera=1"]
    assert set(alone.courses) == {"camera=1"}


def test_what_is_still_counted_is_not_judged(store: Store) -> None:
    traffic = Traffic(store)
    traffic.quiet(10, 20)
    waits = replace(SETTINGS, grace_seconds=90.0)
    course = replayed(store, settings=waits, known=reference()).courses["camera=1"]
    assert course.starts[-1] == traffic.now() - 3 * WINDOW
