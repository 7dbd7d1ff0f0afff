"""`driftgauge status` says who was not told of alerts."""

from __future__ import annotations

from datetime import timedelta

from driftgauge.storage import Judgement, MonitorState, Store

from ...stores import START, STREAM, alert
from .reading import Run, run, watched, written

__all__ = ["run", "watched", "written"]


def test_status_names_the_receivers_that_were_not_told(run: Run, watched: Store) -> None:
    for sink in ("webhook", "mailto-1"):
        watched.queue_notifications(STREAM, [sink])
    later = START + timedelta(minutes=1)
    opened = alert(segment="camera=9", since=START + timedelta(hours=9))
    watched.judge(Judgement(STREAM, START, MonitorState(later, ""), [opened]))
    watched.queue_notifications(STREAM, ["webhook", "mailto-1"])
    (waiting,) = watched.pending_notifications(STREAM, "webhook")
    assert "webhook" not in run("status").out  # it waits for the first time
    watched.note_attempts([waiting.id], "it answered 503")
    assert "webhook: 1 alert step waits: it answered 503" in run("status").out
    watched.finish_notifications([waiting.id], "dead", error="it answered 503")
    shown = run("status")
    assert "webhook: 1 alert step was never delivered, given up: it answered 503" in shown.out
    assert "mailto-1" not in shown.out
    (dead,) = [one for one in run("status", "--json").values["undelivered"] if one["count"]
               and one["state"] == "dead"]  # fmt: skip
    assert dead["sink"] == "webhook"
