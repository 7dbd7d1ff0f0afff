"""The views that answer people's questions, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from driftgauge.storage import (
    SILENCE,
    Database,
    DetectorRecord,
    Judgement,
    MonitorState,
    SegmentBaseline,
    Store,
)

from ..stores import DETECTOR, START, STREAM, TOPIC, advance, alert, flush, window

DAY = 1440


def rows(database: Database, sql: str) -> list[dict[str, Any]]:
    found = database.query(sql, timeout_seconds=10, limit=1000)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def register(store: Store, manifest: dict[str, Any], **more: Any) -> None:
    record = DetectorRecord(DETECTOR, STREAM, "file:d1", START, "active", manifest)
    store.register_detector(replace(record, **more))


def count(store: Store, *windows: Any, newest: float = 0) -> None:
    """Flush *windows*, the newest event being *newest* minutes after START."""
    at = START + timedelta(minutes=newest)
    store.flush(flush(advance(None, 9, event_time_max=at), windows=list(windows)))


def test_a_mover_is_compared_with_its_reference_or_else_with_its_own_month(
    store: Store, database: Database
) -> None:
    register(store, {"normal_rates": {"camera=1": 0.5, 'camera="\\': 0.25}})
    count(
        store,
        *(window({0: 1, 17: 9}, minute=-2 * DAY, segment=f"camera={n}") for n in (1, 2)),
        window({0: 9, 17: 1}, minute=-40 * DAY, segment="camera=2"),  # too long ago to count
        *(window({0: 30, 17: 20}, segment=f"camera={n}") for n in (1, 2, 3)),
        window({0: 30, 17: 20}, segment='camera="\\'),
        window({0: 30, 17: 20}, segment="camera=1", layer="blocks.1"),
    )
    found = rows(database, "SELECT * FROM top_movers ORDER BY weight DESC, segment")
    assert [(row["segment"], row["normal_rate"], row["earlier_rate"]) for row in found] == [
        ("camera=3", None, None),
        ("camera=2", 0.1, 0.1),
        ('camera="\\', 0.25, None),
        ("camera=1", 0.5, 0.1),
    ]
    assert {(row["events"], row["ood_events"], row["ood_rate"]) for row in found} == {(50, 30, 0.6)}
    assert found[1]["beyond"] == pytest.approx(0.5)
    assert [row["weight"] for row in found] == pytest.approx([0.295, 0.25, 0.175, 0.05])


def test_the_registered_rate_of_a_mover_is_that_at_the_stream_s_alpha(
    store: Store, database: Database
) -> None:
    at = {"0.01": {"*": 0.02}, "0.1": {"*": 0.2}}
    register(store, {"normal_rates": {"*": 0.02}, "normal_rates_at": at})
    count(store, window({0: 1, 17: 9}))
    for alpha, normal in ((0.01, 0.02), (0.1, 0.2)):
        store.ensure_stream(STREAM, TOPIC, 60, alpha=alpha)
        assert [row["normal_rate"] for row in rows(database, "SELECT * FROM top_movers")] == [
            normal
        ]


def test_movers_are_ranked_as_the_command_ranks_them(store: Store, database: Database) -> None:
    from driftgauge.agent.review.movers import movers

    register(store, {"normal_rates": {"camera=1": 0.5}})
    count(
        store,
        *(window({0: n, 17: 99}, minute=-2 * DAY, segment=f"camera={n}") for n in range(5)),
        *(window({0: 3 * n, 17: 9}, minute=-60, segment=f"camera={n}") for n in range(6)),
        window({17: 1}),
    )
    since = START - timedelta(days=1)
    hour = timedelta(hours=1)
    told = movers(store, STREAM, period="hour", layer="*", since=since, until=None, width=hour)
    found = rows(database, "SELECT * FROM top_movers ORDER BY weight DESC, segment")
    assert [row["segment"] for row in found] == [mover.segment for mover in told]
    assert [row["weight"] for row in found] == pytest.approx([mover.weight for mover in told])


def test_alert_history_says_how_long_people_took(store: Store, database: Database) -> None:
    (raised,) = store.judge(Judgement(STREAM, None, MonitorState(START, ""), [alert()]))
    (before,) = rows(database, "SELECT * FROM alert_history")
    assert (before["seconds_to_acknowledge"], before["seconds_to_resolve"]) == (None, None)
    assert before["seconds_changed"] == 60
    identity = raised.id or 0
    store.transition_alert(identity, "acknowledged", at=START + timedelta(seconds=90.5), by="ada")
    store.transition_alert(identity, "resolved", at=START + timedelta(hours=2), by="bo")
    (after,) = rows(database, "SELECT * FROM alert_history")
    assert (after["seconds_to_acknowledge"], after["seconds_to_resolve"]) == (90.5, 7200)


def test_detector_history_has_what_each_version_counted_and_claimed(
    store: Store, database: Database
) -> None:
    register(store, {})
    count(
        store, *(window({0: 1, 17: 9}, minute=m, layer=layer) for m in (0, DAY) for layer in "*a")
    )
    store.judge(Judgement(STREAM, None, MonitorState(START, ""), [alert()]))
    register(store, {}, detector="idle", status="candidate")
    told, idle = rows(database, "SELECT * FROM detector_history ORDER BY events DESC")
    assert (told["detector"], told["events"], told["ood_rate"]) == (DETECTOR, 20, 0.1)
    assert [str(told[name])[:10] for name in ("first_day", "last_day")] == [
        "2026-03-01",
        "2026-03-02",
    ]
    assert (told["alerts"], told["found_false"]) == (1, 0)
    assert (idle["events"], idle["ood_rate"], idle["alerts"]) == (0, None, 0)


def baseline(segment: str, tests: tuple[str, ...]) -> SegmentBaseline:
    return SegmentBaseline(
        segment=segment,
        source="learnt",
        made_by="monitor",
        events=100,
        effective_events=40.0,
        windows=10,
        tests=tests,
        measured=b"",
    )


def test_segments_now_says_how_each_stands(store: Store, database: Database) -> None:
    register(store, {"normal_rates": {"quiet": 0.05}})
    names = ("changed", "mute", "quiet", "young", "small", "new")
    count(store, *(window({0: 1, 17: 9}, segment=name) for name in names))
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE segment_progress SET judged_until = event_time_max WHERE segment <> 'new'"
        )
    store.write_baselines(
        *(STREAM, DETECTOR),
        [baseline("small", ()), *(baseline(name, ("betting",)) for name in names[:3])],
    )
    raised = [alert(segment="changed", rate_normal=0.02), alert(segment="mute", test=SILENCE)]
    store.judge(Judgement(STREAM, None, MonitorState(START, ""), raised))
    found = {row["segment"]: row for row in rows(database, "SELECT * FROM segments_now")}
    assert {name: row["state"] for name, row in found.items()} == {
        "changed": "alert",
        "mute": "silent",
        "quiet": "judged",
        "young": "learning",
        "small": "untested",
        "new": "waiting",
    }
    assert [found["quiet"][name] for name in ("rate_now", "rate_of_day", "rate_normal")] == [
        *(0.1, 0.1, 0.05)
    ]
    assert (found["changed"]["rate_normal"], found["changed"]["alert_severity"]) == (
        0.02,
        "warning",
    )
    assert (found["small"]["baseline_source"], found["young"]["baseline_source"]) == (
        "learnt",
        None,
    )
    assert found["new"]["events"] == 10
