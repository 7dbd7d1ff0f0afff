"""The heartbeat stops when judging stops."""

from __future__ import annotations

import pytest

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.notify.heartbeat import Heartbeat

from ...stores import START
from .receiver import receiving


def test_the_address_is_asked_only_while_windows_are_judged() -> None:
    clock = ManualClock(START)
    with receiving() as (receiver, url):
        heartbeat = Heartbeat(url, clock, max_age_seconds=50)
        assert not heartbeat.beat()
        heartbeat.note_judged()
        clock.sleep(49)
        assert heartbeat.beat()
        clock.sleep(2)
        assert not heartbeat.beat()
    assert len(receiver.taken) == 1


def test_an_address_that_does_not_answer_is_logged_without_its_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heartbeat = Heartbeat("http://127.0.0.1:9/hunter2", ManualClock(START), max_age_seconds=50)
    heartbeat.note_judged()
    assert not heartbeat.beat()
    assert "did not accept the heartbeat" in caplog.text
    assert "hunter2" not in caplog.text
