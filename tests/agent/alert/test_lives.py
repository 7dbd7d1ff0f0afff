"""An alert cannot flap, whatever the windows bring."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from driftgauge.agent.alert.lives import Hysteresis, Lives
from driftgauge.storage import AlertRecord

from ...stores import START, alert

WINDOW = timedelta(minutes=1)
RECOVERY, COOL_DOWN = 5, timedelta(hours=1)
HYSTERESIS = Hysteresis(RECOVERY, COOL_DOWN, WINDOW)
KEY = ("camera=3", "betting")


def lived(alarms: list[bool], hysteresis: Hysteresis = HYSTERESIS) -> list[tuple[str, int]]:
    """Return each change of state while windows alarm or are quiet: the state, and the window."""
    lives, quiet, steps = Lives(hysteresis, []), 0, []
    for number, alarms_now in enumerate(alarms):
        at = START + number * WINDOW
        if alarms_now:
            told = alert(window_start=at, refreshed_at=at, opened_at=at)
            steps += [] if KEY in lives.live else [("open", number)]
            lives.alarm(told)
            quiet = 0
        elif KEY in lives.live:
            quiet += 1
            if lives.calm(*KEY, quiet=quiet, at=at):
                steps.append(("ended", number))
                quiet = 0
    return steps


periods = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 130)), min_size=1, max_size=60)


@settings(max_examples=200)
@given(periods)
def test_an_alert_cannot_flap(spans: list[tuple[int, int]]) -> None:
    """Whatever the windows bring: few openings an alert, and new alerts a cool-down apart."""
    alarms = [loud for n_loud, n_quiet in spans for loud in [True] * n_loud + [False] * n_quiet]
    steps = lived(alarms)
    n_cool_down = COOL_DOWN // WINDOW
    per_alert = 2 * (2 + math.ceil(math.log2(n_cool_down / RECOVERY)))
    n_alerts = 1 + len(alarms) // n_cool_down
    assert len(steps) <= per_alert * n_alerts
    ends = [number for step, number in steps if step == "ended"]
    opens = [number for step, number in steps if step == "open"]
    assert all(end - opened > RECOVERY - 1 for opened, end in zip(opens, ends, strict=False))


def test_a_camera_that_changes_every_ten_minutes_is_one_alert_that_soon_stays_open() -> None:
    steps = lived(([True] + [False] * 9) * 144)
    assert [step for step, _ in steps] == ["open", "ended", "open"]


def test_a_change_after_the_cool_down_is_a_new_alert() -> None:
    lives = Lives(HYSTERESIS, [])
    lives.alarm(alert())
    lives.calm(*KEY, quiet=RECOVERY, at=START)
    later = START + COOL_DOWN
    lives.alarm(alert(window_start=later, refreshed_at=later))
    assert [one.reopened for one in lives.changed] == [0, 0]
    assert [one.state for one in lives.changed] == ["resolved", "open"]


def test_a_change_within_the_cool_down_continues_the_alert_and_its_worst() -> None:
    ended = alert(id=7, state="resolved", resolved_at=START, rate_peak=0.6, severity="critical")
    lives = Lives(HYSTERESIS, [], [ended])
    lives.alarm(alert(rate_now=0.1, window_start=START, events=9, message="milder"))
    (one,) = lives.changed
    assert (one.id, one.state, one.reopened, one.resolved_at) == (7, "open", 1, None)
    assert (one.rate_now, one.rate_peak, one.severity) == (0.1, 0.6, "critical")
    assert (one.events, one.message) == (9, ended.message)
    assert HYSTERESIS.quiet_needed(one) == 2 * RECOVERY


def test_another_detector_s_alert_is_not_continued() -> None:
    lives = Lives(HYSTERESIS, [], [alert(id=7, detector="older", state="resolved")])
    lives.alarm(alert(window_start=START))
    assert [one.id for one in lives.changed] == [None]


def test_the_worst_that_an_alert_saw_is_what_it_says() -> None:
    lives = Lives(HYSTERESIS, [alert(id=7)])
    worse = replace(alert(), rate_now=0.5, message="worse", layers=[{"layer": "blocks.2"}])
    for told in (worse, replace(alert(), rate_now=0.0, severity="info", message="quieter")):
        lives.alarm(told)
    (one,) = lives.changed
    assert (one.message, one.layers, one.rate_peak) == ("worse", worse.layers, 0.5)
    assert (one.severity, one.rate_now) == ("warning", 0.0)


def test_quiet_that_ends_an_alert_never_exceeds_the_cool_down() -> None:
    def needed(reopened: int, hysteresis: Hysteresis = HYSTERESIS) -> int:
        return hysteresis.quiet_needed(record(reopened))

    def record(reopened: int) -> AlertRecord:
        return alert(reopened=reopened)

    assert [needed(n) for n in range(6)] == [5, 10, 20, 40, 60, 60]
    assert needed(9, Hysteresis(90, COOL_DOWN, WINDOW)) == 90


def test_a_change_that_lasts_and_that_nobody_looks_after_is_more_severe_once() -> None:
    since = START - timedelta(days=1)
    for state, wanted in (("open", "critical"), ("acknowledged", "warning")):
        lives = Lives(HYSTERESIS, [alert(id=7, since=since, state=state)])
        for _ in range(3):
            lives.alarm(alert(window_start=START))
        assert [one.severity for one in lives.changed] == [wanted]
