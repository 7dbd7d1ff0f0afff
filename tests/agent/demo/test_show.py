"""The screen shows what the database says, each alert once, on terminals and elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from driftgauge.agent.demo.show import Show
from driftgauge.agent.demo.watch import alert_line, live_table, progress_line, read_snapshot
from driftgauge.storage import Store

from ...stores import upgraded
from .pretend import STREAM, alert_for, plan, write_run

pytest.importorskip("skimage")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = upgraded(f"sqlite:///{tmp_path}/show.db")
    yield Store(database)
    database.close()


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=200)


def text_of(screen: Console) -> str:
    output = screen.file
    return output.getvalue() if isinstance(output, io.StringIO) else ""


def test_an_empty_database_shows_every_camera_as_quiet(store: Store) -> None:
    run = plan()
    snapshot = read_snapshot(store, run.cameras)
    assert [row.camera for row in snapshot.cameras] == list(run.cameras)
    assert {row.state for row in snapshot.cameras} == {"quiet"}
    assert (snapshot.counted, snapshot.judged_until) == (0, None)


def test_a_snapshot_counts_what_was_flushed_and_judged(store: Store) -> None:
    run = plan()
    write_run(store, run, [alert_for(run, run.faults[1])])
    snapshot = read_snapshot(store, run.cameras)
    assert snapshot.counted == run.n_live
    assert snapshot.judged_until == run.time(run.frames)
    assert sum(row.events for row in snapshot.cameras) == run.n_live
    states = {row.camera: row.state for row in snapshot.cameras}
    assert [name for name, state in states.items() if state == "alert"] == [run.faults[1].camera]


@pytest.mark.parametrize("terminal", [True, False])
def test_each_alert_is_told_once_and_its_end_once(store: Store, terminal: bool) -> None:
    run = plan()
    write_run(store, run, [alert_for(run, run.faults[0])])
    screen = console(terminal=terminal)
    snapshot = read_snapshot(store, run.cameras)
    resolved = replace(snapshot, alerts=(replace(snapshot.alerts[0], state="resolved"),))
    with Show(screen, run) as show:
        for moment in (snapshot, snapshot, resolved, resolved):
            show.update(moment, 80.0)
    words = text_of(screen)
    assert words.count("ALERT 1") == 1
    assert words.count("RESOLVED 1") == 1


def test_the_table_and_the_line_have_the_figures(store: Store) -> None:
    run = plan()
    write_run(store, run, [alert_for(run, run.faults[0])])
    snapshot = read_snapshot(store, run.cameras)
    screen = console(terminal=False)
    screen.print(live_table(snapshot, run, images_per_second=81.6))
    words = text_of(screen)
    assert f"{run.n_live:,} of {run.n_live:,} frames, 82 images/s" in words
    assert all(camera in words for camera in run.cameras)
    line = progress_line(snapshot, run, images_per_second=None)
    assert "starting; open alerts: motorcycle; fault now: none" in line


def test_the_line_says_which_fault_is_on_now(store: Store) -> None:
    run = plan()
    snapshot = read_snapshot(store, run.cameras)
    during = (run.faults[2].begins - run.live_from + 5) * len(run.cameras)
    line = progress_line(replace(snapshot, counted=during), run, images_per_second=80)
    assert line.endswith(f"fault now: dirt on the lens on {run.faults[2].camera}")


def test_an_alert_is_told_with_the_frames_since_its_fault_or_as_false() -> None:
    run = plan()
    alert = alert_for(run, run.faults[0], windows=0)
    frames = 16 - run.faults[0].begins % 16
    assert alert_line(alert, run).endswith(f"[lens out of focus, started {frames} frames earlier]")
    assert alert_line(replace(alert, segment="camera=china"), run).endswith("a false alarm]")
    assert alert.stream == STREAM
