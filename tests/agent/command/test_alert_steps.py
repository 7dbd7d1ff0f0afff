"""``driftgauge alerts show|ack|resolve`` on a real SQLite file."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from driftgauge.storage import Judgement, MonitorState, Store

from ...stores import START, STREAM, alert, evidence, flush, window
from ..records import encoded, picture
from .reading import Run, run, written

__all__ = ["run", "written"]


def raise_alerts(store: Store, *segments: str) -> list[int]:
    state = store.monitor_state(STREAM)
    cursor = START + timedelta(days=1)
    turn = Judgement(
        STREAM,
        state.cursor if state else None,
        MonitorState(cursor, "{}"),
        [alert(segment=segment) for segment in segments],
    )
    return [stored.id or 0 for stored in store.judge(turn)]


def test_a_person_acknowledges_and_resolves_with_a_note(run: Run, written: Store) -> None:
    (number,) = raise_alerts(written, "camera=9")
    said = run("alerts", "ack", str(number), "--by", "ann", "--note", "lens is being cleaned")
    assert said.out.strip() == f"{number}: camera=9 is acknowledged"
    assert run("alerts", "resolve", str(number), "--by", "ann").code == 0
    shown = run("alerts", "show", str(number), "--json").values
    assert [(step["to_state"], step["by"], step["note"]) for step in shown["steps"]] == [
        ("open", "monitor", ""),
        ("acknowledged", "ann", "lens is being cleaned"),
        ("resolved", "ann", ""),
    ]
    assert "acknowledged by ann: lens is being cleaned" in run("alerts", "show", str(number)).out


def test_a_verdict_resolves_is_kept_and_is_counted(run: Run, written: Store) -> None:
    first, second = raise_alerts(written, "camera=8", "camera=9")
    said = run("alerts", "resolve", str(first), "--real", "--note", "a cracked lens")
    assert said.out.strip() == f"{first}: camera=8 is resolved, found real"
    run("alerts", "resolve", str(second))
    (judged,) = run("alerts", "resolve", str(second), "--false", "--json").values
    assert (judged["state"], judged["verdict"]) == ("resolved", "false")
    assert "betting" in run("alerts", "verdicts").out
    (counted,) = run("alerts", "verdicts", "--json").values
    assert (counted["real"], counted["false"], counted["unjudged"]) == (1, 1, counted["alerts"] - 2)
    assert "found real" in run("alerts", "show", str(first)).out


def test_a_note_is_shown_and_changes_nothing(run: Run, written: Store) -> None:
    (number,) = raise_alerts(written, "camera=9")
    run("alerts", "note", str(number), "--note", "asked the site", "--by", "ann")
    assert "noted by ann: asked the site" in run("alerts", "show", str(number)).out
    assert run("alerts", "show", str(number), "--json").values["state"] == "open"


def test_all_live_alerts_of_a_segment_or_of_the_stream_are_meant_at_once(
    run: Run, written: Store
) -> None:
    raise_alerts(written, "camera=7", "camera=8")
    assert run("alerts", "ack", "--segment", "camera=8").out.count("is acknowledged") == 1
    run("alerts", "resolve", "--all")
    assert written.alerts(STREAM, states=["open", "acknowledged"]) == []
    assert "No unresolved alerts" in run("alerts", "resolve", "--all").out


def test_a_resolved_alert_is_not_acknowledged_again(run: Run, written: Store) -> None:
    (number,) = raise_alerts(written, "camera=9")
    run("alerts", "resolve", str(number))
    refused = run("alerts", "ack", str(number))
    assert refused.code == 1
    assert "is resolved and cannot become acknowledged again" in refused.err


def test_which_alerts_are_meant_must_be_said_once(run: Run, written: Store) -> None:
    assert run("alerts", "ack").code == 2
    assert run("alerts", "ack", "1", "--all").code == 2
    unknown = run("alerts", "ack", "987")
    assert unknown.code == 2
    assert "has no alert 987" in unknown.err


def test_an_alert_is_shown_with_its_messages_and_drawn(
    run: Run, written: Store, tmp_path: Path
) -> None:
    (number,) = raise_alerts(written, "camera=9")
    frame = encoded(picture(), "JPEG")
    kept = [evidence(77, segment="camera=9", minute=-1, thumbnail=frame)]
    written.flush(flush(windows=[window({0: 3}, segment="camera=9")], evidence=kept))
    shown = run("alerts", "show", str(number), "--picture", str(tmp_path / "alert.png"))
    assert "images/0@77" in shown.out
    assert "layers, the most changed first: blocks.1 (0.25, 60 %)" in shown.out
    with Image.open(io.BytesIO((tmp_path / "alert.png").read_bytes())) as drawn:
        assert drawn.format == "PNG"


def test_an_alert_without_frames_says_why_there_is_no_picture(run: Run, written: Store) -> None:
    (number,) = raise_alerts(written, "camera=9")
    refused = run("alerts", "show", str(number), "--picture", "alert.png")
    assert refused.code == 2
    assert "[evidence] thumbnails" in refused.err


def test_a_mute_is_made_shown_and_ended(run: Run, written: Store) -> None:
    (number,) = raise_alerts(written, "camera=9")
    said = run("alerts", "mute", str(number), "--for", "2 days", "--why", "cleaning", "--by", "ann")
    assert said.out.startswith("camera=9 is muted until 2")
    assert said.out.endswith("UTC, by ann: cleaning\n")
    assert "open, muted" in run("alerts", "list").out
    assert run("alerts", "show", str(number), "--json").values["muted"] is True
    assert "camera=9 is muted until" in run("status").out
    assert [one["segment"] for one in run("alerts", "mutes", "--json").values] == ["camera=9"]
    assert run("alerts", "unmute", "camera=9").out == "camera=9 is no longer muted\n"
    assert run("alerts", "mutes").out == "Nothing is muted.\n"


@pytest.mark.usefixtures("written")
def test_what_is_to_be_muted_must_be_said_and_make_sense(run: Run) -> None:
    assert run("alerts", "mute").code == 2
    assert "neither a segment" in run("alerts", "mute", "everything").err
    assert "--for" in run("alerts", "mute", "camera=3", "--for", "soon").err


def test_an_incident_is_listed_shown_and_acknowledged_as_one(run: Run, written: Store) -> None:
    names = [f"camera={number}" for number in range(20, 60)]
    numbers = raise_alerts(written, *names)
    (one,) = [row for row in run("alerts", "incidents", "--json").values if row["members"] == 40]
    assert "40 of 40 cameras" in run("alerts", "incidents").out
    shown = run("alerts", "incidents", str(one["id"])).out
    assert "and 30 more" in shown
    assert "opened by monitor" in shown
    said = run("alerts", "ack", "--incident", str(one["id"])).out
    assert "... and 20 more." in said
    assert written.alert(numbers[-1]) is not None
    (after,) = written.incidents(STREAM, ids=[one["id"]])
    assert after.state == "acknowledged"
    assert run("alerts", "incidents", "987").code == 2


def test_a_change_that_a_person_calls_normal_is_accepted(run: Run, written: Store) -> None:
    (number,) = raise_alerts(written, "camera=9")
    said = run("alerts", "accept", str(number), "--by", "ann", "--note", "a new conveyor")
    assert said.out.strip() == f"{number}: camera=9 is resolved, found accepted"
    (accepted,) = written.accepted_alerts(STREAM, "detector-1")
    assert accepted.id == number
