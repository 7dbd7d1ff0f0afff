from __future__ import annotations

from datetime import datetime, timedelta

from driftgauge.agent.keep.run_choice import RunChoice, excess_runs, run_priority
from driftgauge.storage import KeptRun

from .kept import DAY, RUN, run_settings


def minutes(n: int = 24 * 60) -> list[datetime]:
    return [DAY + timedelta(minutes=minute) for minute in range(n)]


def chosen_of(moments: list[datetime], segment: str = "camera=1") -> dict[datetime, int]:
    """Return the runs that an agent which sees these events keeps, with the events of each."""
    choice, kept = RunChoice(run_settings()), dict[datetime, int]()
    for at in moments:
        if (run := choice.run_of(segment, at)) is not None:
            kept[run] = kept.get(run, 0) + 1
    return kept


def merged(*agents: dict[datetime, int]) -> dict[datetime, int]:
    total: dict[datetime, int] = {}
    for kept in agents:
        for run, n in kept.items():
            total[run] = total.get(run, 0) + n
    runs = [
        KeptRun("camera=1", run, run_priority("database", run), n, 0) for run, n in total.items()
    ]
    beyond = {run.run_start for run in excess_runs(runs, runs_per_day=3)}
    return {run: n for run, n in total.items() if run not in beyond}


def test_the_runs_of_a_day_are_whole_and_as_many_as_asked_for() -> None:
    kept = merged(chosen_of(minutes()))
    assert len(kept) == 3
    assert set(kept.values()) == {8}  # a minute apart, eight minutes a run


def test_the_same_events_are_kept_however_agents_share_them() -> None:
    whole = merged(chosen_of(minutes()))
    odd, even = minutes()[1::2], minutes()[::2]
    early, late = minutes()[:700], minutes()[700:]
    assert merged(chosen_of(odd), chosen_of(even)) == whole
    assert merged(chosen_of(early), chosen_of(late)) == whole
    assert merged(chosen_of(minutes()[::-1])) == whole


def test_a_segment_that_sends_an_hour_a_day_keeps_runs_of_that_hour() -> None:
    assert len(merged(chosen_of(minutes()[600:660]))) == 3


def test_an_old_day_is_bounded_beside_the_days_of_live_traffic() -> None:
    """As of a camera whose clock is months behind: its day is not forgotten at each event."""
    choice, kept = RunChoice(run_settings()), set[datetime]()
    for day in range(6):
        for at in minutes():
            choice.run_of("camera=1", at + timedelta(days=day))
    for at in minutes():
        choice.run_of("camera=1", at + timedelta(days=6))
        if (run := choice.run_of("camera=2", at - timedelta(days=200))) is not None:
            kept.add(run)
            choice.note_bytes(run, 1)
    assert len(kept) < 30  # three at a time, displaced by smaller ones as they come; a day has 180


def test_runs_of_all_segments_fall_on_the_same_times() -> None:
    assert merged(chosen_of(minutes(), "camera=1")) == merged(chosen_of(minutes(), "camera=2"))


def test_which_runs_are_kept_cannot_be_foretold_without_the_key() -> None:
    starts = [DAY + RUN * n for n in range(180)]
    ours, theirs = (
        {run for _, run in sorted((run_priority(key, run), run) for run in starts)[:12]}
        for key in ("a", "b")
    )
    assert len(ours & theirs) < 6


def test_beyond_the_days_bytes_the_last_in_priority_goes_in_all_segments() -> None:
    choice = RunChoice(run_settings(runs_per_day=100, max_bytes_per_day=250))
    starts = [DAY + RUN * n for n in range(20)]
    kept = set(starts)
    for start in starts:
        if choice.run_of("camera=1", start) is None:
            kept.discard(start)
            continue
        choice.run_of("camera=2", start)
        choice.note_bytes(start, 100)
    kept = {start for start in kept if choice.run_of("camera=2", start) is not None}
    assert kept == set(sorted(starts, key=lambda run: run_priority("database", run))[:2])


def test_a_run_that_fills_the_day_alone_is_cut_and_told() -> None:
    choice = RunChoice(run_settings(max_bytes_per_day=250))
    assert choice.run_of("*", DAY) == DAY
    assert choice.note_bytes(DAY, 200)
    assert not choice.note_bytes(DAY, 100)
    assert choice.run_of("*", DAY + timedelta(minutes=1)) is None


def test_days_long_ago_are_forgotten() -> None:
    choice = RunChoice(run_settings())
    for day in range(400):
        choice.run_of("*", DAY + timedelta(days=day))
    assert len(choice._chosen) < 6
