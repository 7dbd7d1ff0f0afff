"""Alertmanager is told each minute which alerts live, and for a while which have ended."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from driftgauge.agent.notify.repeats import END_REPEATED, REPEAT_SECONDS
from driftgauge.agent.notify.sinks.alertmanager import AlertmanagerSink
from driftgauge.storage import Store

from ...stores import alert
from .receiver import Receiver, receiving
from .site import Site


def taken(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the alerts of every message so far, and forget them."""
    found = [one for _, body in receiver.taken for one in json.loads(body)]
    receiver.taken.clear()
    return found


def test_an_end_is_repeated_until_the_receiver_must_have_passed_it_on(store: Store) -> None:
    with receiving() as (receiver, url):
        site = Site(store)
        sink = AlertmanagerSink(url, site.clock)
        site.sinks = (sink,)
        site.restart()
        site.delivery.turn()
        (number,) = site.judge(alert())
        site.wait(REPEAT_SECONDS)
        opened, again = taken(receiver)
        assert opened["labels"] == again["labels"]
        site.resolve(number)
        ended_at = site.clock.now()
        site.wait(1)
        (resolved,) = taken(receiver)
        assert datetime.fromisoformat(resolved["endsAt"]) == ended_at
        site.wait(REPEAT_SECONDS)
        (repeated,) = taken(receiver)
        assert (repeated["endsAt"], repeated["labels"]) == (resolved["endsAt"], opened["labels"])
        assert "resolved" in repeated["annotations"]["summary"]
        site.wait(END_REPEATED.total_seconds())
        site.wait(REPEAT_SECONDS)
        assert taken(receiver) == []
        sink.close()


def test_nobody_is_told_the_end_of_what_they_never_knew(store: Store) -> None:
    with receiving() as (receiver, url):
        site = Site(store, min_severity="critical")
        sink = AlertmanagerSink(url, site.clock)
        site.sinks = (sink,)
        site.restart()
        site.delivery.turn()
        (number,) = site.judge(alert(severity="info"))
        site.resolve(number)
        site.wait(REPEAT_SECONDS)
        site.wait(REPEAT_SECONDS)
        assert taken(receiver) == []
        sink.close()
