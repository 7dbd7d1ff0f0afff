"""When a digest is due, and what makes one: a message that comes whether or not anything happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from .summary import Summary

DigestText = Callable[[datetime, datetime], tuple[str, str]]
"""From the time of the last digest and now to the subject and the body."""


@dataclass(frozen=True, slots=True)
class DigestPlan:
    """At which moments digests are due: every day at *at*, or on Mondays only.

    Attributes:
        zone: of *at*; in a night when clocks change, it is the wall clock there that counts.
        sinks: patterns of the receivers' names.
    """

    stream: str
    every_days: int
    at: time
    zone: ZoneInfo
    sinks: tuple[str, ...]
    text: DigestText

    def last_due(self, now: datetime) -> datetime:
        """Return the last moment at which one was due, now included."""
        local = now.astimezone(self.zone)
        day = local.date() if local.time() >= self.at else local.date() - timedelta(days=1)
        if self.every_days > 1:
            day -= timedelta(days=day.weekday())
        return datetime.combine(day, self.at, self.zone)

    def compose(self, sink: str, since: datetime, now: datetime) -> Summary:
        """Return the digest of what was since *since*."""
        title, text = self.text(since, now)
        due = self.last_due(now).astimezone(ZoneInfo("UTC"))
        return Summary(
            key=f"driftgauge/{self.stream}/{sink}/digest/{due:%Y-%m-%dT%H:%MZ}",
            kind="digest",
            at=now,
            stream=self.stream,
            title=title,
            text=text,
            severity="info",
        )
