"""Alerts with one cause are one incident, which takes few steps; on both databases."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftgauge.storage import (
    AlertRecord,
    IncidentRecord,
    Judgement,
    MonitorState,
    SegmentAdvance,
    Store,
)

from ..stores import DETECTOR, START, STREAM, advance, alert, flush, window

MINUTE = timedelta(minutes=1)


class Turns:
    """Writes one turn of the monitor after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cursor: datetime | None = None

    def __call__(self, *alerts: AlertRecord) -> list[AlertRecord]:
        """Write what a turn found."""
        before, self._cursor = self._cursor, (self._cursor or START) + MINUTE
        turn = Judgement(STREAM, before, MonitorState(self._cursor, "{}"), alerts)
        return self._store.judge(turn)


@pytest.fixture
def turns(store: Store) -> Turns:
    return Turns(store)


def changed(segment: str, *, minute: float = 0, **more: object) -> AlertRecord:
    """Return a new alert on a segment that changed so many minutes after START."""
    at = START + minute * MINUTE
    return alert(segment=segment, since=at, window_start=at + 2 * MINUTE, opened_at=at, **more)


def cameras(first: int, last: int, **more: object) -> list[AlertRecord]:
    return [changed(f"camera={number}", **more) for number in range(first, last)]  # type: ignore[arg-type]  # by name


def count(store: Store, *segments: str, minutes: tuple[int, ...] = (0,), offset: int = 0) -> None:
    """Let every segment be counted, so that it is known."""
    store.flush(
        flush(
            advance(offset or None, offset + 9),
            windows=[
                window({0: 3}, segment=segment, minute=minute)
                for segment in ("*", *segments)
                for minute in minutes
            ],
            segments=[SegmentAdvance(segment, START) for segment in ("*", *segments)],
        )
    )


def the_one(store: Store) -> IncidentRecord:
    (found,) = store.incidents(STREAM)
    return found


def steps(store: Store, number: int) -> list[str]:
    return [step.kind for step in store.incident_steps(number)]


def test_every_alert_is_part_of_an_incident(store: Store, turns: Turns) -> None:
    (stored,) = turns(changed("camera=3"))
    found = the_one(store)
    assert (found.id, found.alert, found.members, found.live) == (stored.incident_id, stored, 1, 1)
    assert (found.key, found.changed, found.known) == ("camera", 1, 1)
    assert store.alert(stored.id or 0) == stored


def test_changes_that_begin_together_are_one_incident_and_one_page(
    store: Store, turns: Turns
) -> None:
    count(store, *(f"camera={number}" for number in range(40)), "site=north")
    turns(*cameras(0, 38), changed("site=north", minute=3))
    found = the_one(store)
    assert (found.members, found.live) == (39, 39)
    assert (found.key, found.changed, found.known) == ("camera", 38, 40)
    assert found.until - found.since == 3 * MINUTE
    assert found.severity == "critical"  # a warning each, and nearly all of them
    assert steps(store, found.id) == ["opened"]


def test_a_thousand_cameras_one_after_another_are_told_a_few_times(
    store: Store, turns: Turns
) -> None:
    for first in range(0, 200, 10):
        turns(*cameras(first, first + 10))
    stored = store.alerts(STREAM)
    for n_over in (50, 99, 100, 150, 200):
        turns(*(replace(one, state="resolved", resolved_at=START) for one in stored[:n_over]))
    kinds = steps(store, the_one(store).id)
    assert len(kinds) <= 2 * 8 + 2
    assert (kinds[0], kinds[-1]) == ("opened", "resolved")
    assert Counter(kinds)["joined"] == 4  # at 20, 40, 80, 160


def test_changes_far_apart_are_two_incidents(store: Store, turns: Turns) -> None:
    turns(changed("camera=1"), changed("camera=2", minute=6))
    assert len(store.incidents(STREAM)) == 2


def test_a_chain_of_changes_does_not_make_an_incident_grow_without_end(
    store: Store, turns: Turns
) -> None:
    for number in range(10):
        turns(changed(f"camera={number}", minute=4 * number))
    assert len(store.incidents(STREAM)) == 5


def test_an_incident_ends_with_its_last_alert_and_says_when(store: Store, turns: Turns) -> None:
    first, second = turns(*cameras(1, 3))
    turns(replace(first, state="resolved", resolved_at=START + MINUTE))
    assert the_one(store).state == "open"
    turns(replace(second, state="gone", resolved_at=START + 2 * MINUTE))
    found = the_one(store)
    assert (found.state, found.live) == ("resolved", 0)
    assert found.resolved_at == START + 2 * MINUTE
    assert steps(store, found.id) == ["opened", "resolved"]


def test_an_incident_is_acknowledged_once_all_that_live_are(store: Store, turns: Turns) -> None:
    first, second = turns(*cameras(1, 3))
    store.transition_alert(first.id or 0, "acknowledged", at=START, by="ada")
    assert the_one(store).state == "open"
    store.transition_alerts([second.id or 0], "acknowledged", at=START, by="ada", note="mine")
    (step,) = store.incident_steps(the_one(store).id)[1:]
    assert (step.kind, step.by, step.note) == ("acknowledged", "ada", "mine")


def test_a_note_and_a_quiet_refresh_tell_nobody(store: Store, turns: Turns) -> None:
    (first,) = turns(changed("camera=3"))
    store.note_on_alert(first.id or 0, at=START, by="ada", note="asked the site")
    turns(replace(first, events=999))
    assert steps(store, the_one(store).id) == ["opened"]


def test_a_change_that_worsens_is_told_once(store: Store, turns: Turns) -> None:
    (first,) = turns(changed("camera=3", severity="info"))
    for severity in ("critical", "info", "critical"):
        turns(replace(first, severity=severity))
    assert steps(store, the_one(store).id) == ["opened", "worsened"]


def test_a_change_within_the_cool_down_goes_on_with_its_incident(
    store: Store, turns: Turns
) -> None:
    (first,) = turns(changed("camera=3"))
    turns(replace(first, state="resolved", resolved_at=START))
    turns(replace(first, reopened=1))
    assert steps(store, the_one(store).id) == ["opened", "resolved", "reopened"]


def test_a_new_version_of_the_model_in_the_same_minutes_is_the_likely_cause(
    store: Store, turns: Turns
) -> None:
    count(store, "model_version=4.1", "model_version=4.2", minutes=(0, 1))
    count(store, "model_version=4.1", minutes=(-200,), offset=9)
    turns(*cameras(0, 3))
    assert the_one(store).cause == "model_version=4.2"


def test_a_new_detector_in_the_same_minutes_is_the_likely_cause(store: Store, turns: Turns) -> None:
    count(store, minutes=(0, 1))
    before = flush(advance(9, 18), windows=[window({0: 3}, minute=-200)])
    store.flush(replace(before, detector="older"))
    turns(*cameras(0, 3))
    assert the_one(store).cause == f"detector={DETECTOR}"


def test_without_a_release_no_cause_is_named(store: Store, turns: Turns) -> None:
    count(store, "model_version=4.1", minutes=(-200, 0))
    turns(*cameras(0, 3))
    assert the_one(store).cause is None


def test_two_streams_have_their_own_incidents(store: Store, turns: Turns) -> None:
    store.ensure_stream("line-4", "images", 60)
    turns(changed("camera=3"))
    store.judge(
        Judgement(
            "line-4",
            None,
            MonitorState(START, "{}"),
            [replace(changed("camera=3"), stream="line-4")],
        )
    )
    assert the_one(store).members == 1


def test_a_change_inside_the_change_is_told(store: Store, turns: Turns) -> None:
    (first,) = turns(changed("camera=3"))
    turns(replace(first, news="changed again: 45.0 % of images, 13.0 % before"))
    (_, step) = store.incident_steps(the_one(store).id)
    assert (step.kind, step.by) == ("changed", "monitor")
    assert step.note == "camera=3 changed again: 45.0 % of images, 13.0 % before"


def test_changes_of_two_sites_are_two_incidents_and_the_whole_joins_either(store: Store) -> None:
    def site_of(segment: str) -> str | None:
        return segment.partition("=")[2][:1] or None

    alerts = [changed(segment) for segment in ("camera=a1", "camera=b1", "camera=a2", "*")]
    judgement = Judgement(STREAM, None, MonitorState(START, "{}"), alerts, site_of=site_of)
    stored = store.judge(judgement)
    first, other, second, whole = (alert.incident_id for alert in stored)
    assert first == second != other
    assert whole in (first, other)
