"""Notices of one alert, and a sink that remembers and fails as told."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import NotificationUndelivered
from driftgauge.agent.notify.notice import Notice
from driftgauge.agent.notify.summary import Summary

from ...stores import START, STREAM, alert, evidence


def notice(**more: Any) -> Notice:
    """Return a notice that alert 7 on camera 3 opened."""
    values: dict[str, Any] = {
        "key": f"driftgauge/{STREAM}/webhook/41",
        "kind": "opened",
        "at": START,
        "by": "monitor",
        "note": "",
        "alert": replace(alert(), id=7),
        "examples": [evidence(12)],
    }
    return Notice(**{**values, **more})


class RecordingSink:
    """Takes what it is sent, unless it is told to fail."""

    def __init__(self, name: str = "webhook", *, is_for_people: bool = True) -> None:
        self.name = name
        self.is_for_people = is_for_people
        self.taken: list[Notice] = []
        self.summaries: list[Summary] = []
        self.failures: deque[NotificationUndelivered | None] = deque()
        self.is_away = False
        self.n_closed = 0
        self.clock: ManualClock | None = None
        self.takes_seconds = 0.0

    def send(self, notice: Notice) -> None:
        self._answer()
        self.taken.append(notice)

    def send_summary(self, summary: Summary) -> None:
        self._answer()
        self.summaries.append(summary)

    def _answer(self) -> None:
        if self.clock is not None:
            self.clock.sleep(self.takes_seconds)
        if self.is_away:
            raise NotificationUndelivered(f"{self.name} is away")
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure

    def close(self) -> None:
        self.n_closed += 1
