"""``driftgauge segments`` on a database that holds one segment of each kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from driftgauge.agent.drift.power import PowerCurve
from driftgauge.storage import (
    WHOLE_SEGMENT,
    Judgement,
    MonitorState,
    SegmentBaseline,
    SegmentStateRow,
    Store,
)

from ...stores import START, STREAM, advance, flush, window
from .reading import SETTINGS, Run, run, watched, written

__all__ = ["run", "watched", "written"]


def judged(store: Store) -> None:
    """Let `*` be tested, camera=3 have an alert, camera=[4] be learnt."""
    lesson = {"begins": START.isoformat(), "tried": None, "until": None}
    states = [
        SegmentStateRow("*", WHOLE_SEGMENT, b"{}", nearness=0.1),
        SegmentStateRow("camera=3", WHOLE_SEGMENT, b"{}", nearness=0.42),
        SegmentStateRow("camera=[4]", WHOLE_SEGMENT, json.dumps({"lesson": lesson}).encode()),
    ]
    baselines = [
        SegmentBaseline(
            segment=name,
            source="learnt",
            made_by="monitor",
            events=2000,
            effective_events=812.4,
            windows=60,
            tests=("betting",),
            measured=b"",
        )
        for name in ("*", "camera=3")
    ]
    store.judge(
        Judgement(
            *(STREAM, None, MonitorState(START, "")),
            detector="detector-1",
            states=states,
            baselines=baselines,
        )
    )


@pytest.fixture
def stored(watched: Store) -> Store:
    judged(watched)
    return watched


@pytest.mark.usefixtures("stored")
def test_each_segment_is_shown_with_what_it_is_tested_against_the_worst_first(
    run: Run,
) -> None:
    lines = [" ".join(line.split()) for line in run("segments").out.splitlines()]
    shown = [line for line in lines if line.startswith(("camera", "*"))]
    assert shown[0].startswith("camera=3 alert 2000 812 learnt 42.0 % - -")
    assert shown[1].startswith("* judged 2000 812 learnt 10.0 %")
    assert shown[2].startswith("camera=[4] learning - - - -")
    assert "the detector's reference does not cover it" in shown[2]


def test_it_says_how_soon_changes_would_be_told(run: Run, stored: Store) -> None:
    soon = np.array([3.0, 8.0, 30.0], dtype=np.float32)
    slow = np.linspace(0.0, 12.0, 240, dtype=np.float32)
    stored.write_power(
        STREAM, "detector-1", {"*": (1, PowerCurve(slow, np.zeros(240, np.float32), 16).dump())}
    )
    stored.write_power(STREAM, "detector-1", {"camera=3": (1, PowerCurve(soon, slow, 16).dump())})
    lines = [" ".join(line.split()) for line in run("segments").out.splitlines()]
    shown = [line for line in lines if line.startswith(("camera", "*"))]
    assert shown[0].startswith("camera=3 alert 2000 812 learnt 42.0 % 3 min 3.8 h")
    assert shown[1].startswith("* untested 2000 812 learnt 10.0 % 3.8 h over 4 h")
    assert "later than 1 h (monitor.tested_within)" in run("status").out
    power = {row["segment"]: row["power"] for row in run("segments", "--json").values}
    assert power["camera=3"]["total_failure_windows"] == 3
    assert power["*"]["tenth_windows"] is None
    assert power["camera=[4]"] is None


def test_it_says_where_no_false_alarm_rate_is_promised(run: Run, stored: Store) -> None:
    soon = np.array([3.0, 8.0, 30.0], dtype=np.float32)
    for worth, promise in (
        (
            9.2,
            "worth 9 independent windows, and the budget takes 107; gross changes are told even so",
        ),
        (4000.0, ""),
    ):
        curve = PowerCurve(soon, soon, 16, worth)
        stored.write_power(STREAM, "detector-1", {"*": (1, curve.dump())})
        shown = " ".join(run("segments", "*").out.split())
        assert ("no false-alarm rate is promised" in shown) == bool(promise)
        assert promise in shown


@pytest.mark.usefixtures("stored")
def test_segments_are_chosen_by_name_and_state(run: Run) -> None:
    rows = run("segments", "camera=*", "--json").values
    assert [row["segment"] for row in rows] == ["camera=3", "camera=[4]"]
    assert rows[0]["effective_events"] == 812.4
    assert [row["segment"] for row in run("segments", "camera=[4]", "--json").values] == [
        "camera=[4]"
    ]
    assert [row["segment"] for row in run("segments", "--state", "judged", "--json").values] == [
        "*"
    ]
    assert "No segment" in run("segments", "--state", "silent").out
    assert "wanted one of" in run("segments", "--state", "happy").err


def test_a_segment_of_a_site_is_shown_beside_its_siblings(
    run: Run, stored: Store, tmp_path: Path
) -> None:
    del stored
    assert " site" not in run("segments").out
    (tmp_path / "driftgauge.toml").write_text(SETTINGS + '[monitor]\nsite = "(c).*"\n')
    rows = {row["segment"]: row for row in run("segments", "--json").values}
    assert [rows[name]["site"] for name in ("*", "camera=3", "camera=[4]")] == [None, "c", "c"]
    assert rows["camera=3"]["siblings"] == ""  # the other one is not tested
    assert rows["camera=[4]"]["siblings"] == "1 of the other 1 of c has changed"
    assert "1 of the other 1 of c has changed" in " ".join(run("segments").out.split())


def test_how_a_baseline_grew_and_that_it_no_longer_does_is_shown(run: Run, watched: Store) -> None:
    growth = {"due": START.isoformat(), "troubled_at": None, "days_outside": 4, "shift": 0.31}
    content = json.dumps({"growth": growth}).encode()
    baseline = SegmentBaseline(
        segment="camera=3",
        source="learnt",
        made_by="monitor",
        events=2000,
        effective_events=812.4,
        windows=90,
        components=2,
        grown=30,
        grown_until=START,
        anchor_shift=0.07,
        tests=("betting",),
        measured=b"",
    )
    watched.judge(
        Judgement(
            *(STREAM, None, MonitorState(START, "")),
            detector="detector-1",
            states=[SegmentStateRow("camera=3", WHOLE_SEGMENT, content, nearness=0.1)],
            baselines=[baseline],
        )
    )
    (row,) = run("segments", "camera=3", "--json").values
    assert (row["components"], row["grown"], row["anchor_shift"]) == (2, 30, 0.07)
    assert (row["days_outside"], row["day_shift"]) == (4, 0.31)
    shown = " ".join(run("segments", "camera=3").out.split())
    assert "0.31" in shown
    assert "4 days too far from its baseline to join it" in shown
    assert "4 days too far from its baseline to join it" in " ".join(run("status").out.split())


def test_of_many_segments_the_worst_are_shown_and_it_fits_a_terminal(
    run: Run, watched: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [window({17: 9}, segment=f"camera={n:03d}") for n in range(300)]
    watched.flush(flush(advance(200, 201), windows=rows))
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("segments").out
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert len(shown.splitlines()) < 80
    assert "and 283 more: --all shows them" in shown
