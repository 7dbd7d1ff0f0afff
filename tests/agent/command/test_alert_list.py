"""``driftgauge alerts list`` on a real SQLite file: a screenful, one kind of time, and CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from driftgauge.storage import Judgement, MonitorState, Store

from ...stores import START, STREAM, alert
from .reading import Run, run, written

__all__ = ["run", "written"]


@pytest.fixture
def many(written: Store) -> Store:
    """Give a stream with forty live alerts and one that has ended."""
    state = written.monitor_state(STREAM)
    ended = alert(segment="camera=first", state="resolved", resolved_at=START + timedelta(hours=1))
    alerts = [
        alert(segment=f"camera={number}", opened_at=START + timedelta(minutes=number))
        for number in range(40)
    ]
    written.judge(
        Judgement(
            STREAM,
            state.cursor if state else None,
            MonitorState(START + timedelta(days=1), "{}"),
            [ended, *alerts],
        )
    )
    return written


@pytest.mark.usefixtures("many")
def test_many_alerts_are_a_screenful_and_a_count(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("alerts", "list").out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "... and 25 more; --limit shows more of them." in lines
    assert any("camera=39" in line for line in lines)


@pytest.mark.usefixtures("many")
def test_alerts_with_one_cause_are_called_one_incident(run: Run) -> None:
    out = run("alerts", "list").out
    assert ": 41 of 41 cameras changed within 1 minute" in out
    assert "`driftgauge alerts incidents` lists alerts that began together as one." in out


def test_a_cause_of_many_alerts_hides_no_other_in_status(run: Run, many: Store) -> None:
    later = START + timedelta(hours=5)
    other = alert(
        segment="line=7", since=later, window_start=later, opened_at=START - timedelta(hours=1)
    )
    at = START + timedelta(days=1)
    many.judge(Judgement(STREAM, at, MonitorState(at + timedelta(days=1), "{}"), [other]))
    shown = run("status").out
    assert "Live incidents, 41 alerts in all" in shown
    assert "line 7" in shown


@pytest.mark.usefixtures("many")
def test_a_row_has_times_of_one_clock_only(run: Run) -> None:
    out = run("alerts", "list", "--limit", "3").out
    assert "opened (UTC)" in out
    row = next(line for line in out.splitlines() if "camera=39" in line)
    assert "2026-03-01 12:39:00" in row
    assert "11:58:00" not in row  # since then by the camera's clock, in the words below


@pytest.mark.usefixtures("many")
def test_alerts_are_chosen_by_state_and_by_when_they_were_opened(run: Run) -> None:
    ended = run("alerts", "list", "--state", "resolved", "--json").values
    assert [row["segment"] for row in ended] == ["camera=first"]
    chosen = ("--since", "2026-03-01T12:05", "--until", "2026-03-01T12:07", "--json")
    found = run("alerts", "list", *chosen).values
    assert [row["segment"] for row in found] == ["camera=6", "camera=5"]
    wrong = run("alerts", "list", "--until", "soon")
    assert wrong.code == 2
    assert "--until" in wrong.err


@pytest.mark.usefixtures("many")
def test_csv_has_all_that_fit(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("alerts", "list", "--csv").out)))
    assert len(rows) == 40
    assert rows[0]["segment"] == "camera=39"
    assert rows[0]["opened_at"] == "2026-03-01T12:39:00+00:00"


def test_a_silent_segments_alert_has_no_rate(
    written: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    state = written.monitor_state(STREAM)
    silent = alert(segment="camera=quiet", test="silence", rate_now=0.0, rate_normal=0.0)
    (stored,) = written.judge(
        Judgement(
            STREAM,
            state.cursor if state else None,
            MonitorState(START + timedelta(days=1), "{}"),
            [silent],
        )
    )
    row = next(line for line in run("alerts", "list").out.splitlines() if "camera=quiet" in line)
    assert "0.0 %" not in row
    shown = run("alerts", "show", str(stored.id)).out
    assert "out of distribution, at most" not in shown
