"""A day of alerts at sinks that fail at random, and a thousand cameras that change at once."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from driftgauge.agent.errors import NotificationUndelivered
from driftgauge.agent.notify.notice import Notice
from driftgauge.agent.notify.summary import Summary
from driftgauge.storage import Store

from ..agent.notify.site import Site
from ..stores import START, alert

Show = Callable[..., list[str]]
"""Runs a command of driftgauge and gives its lines."""
SCREENS = (("alerts", "list"), ("status",))
ALERT_EVERY_MINUTES = 12
CRASH_SHARE = 0.02


class Killed(BaseException):
    """Stands in for a SIGKILL between sending and noting it."""


class FlakySink:
    """Is away at random for minutes, refuses at random, loses answers, and kills its sender."""

    is_for_people = True

    def __init__(self, name: str, draw: random.Random, *, is_quiet: bool = False) -> None:
        self.name = name
        self.is_away = False
        self.is_quiet = is_quiet
        self.messages: list[tuple[str, list[Notice]]] = []
        self._draw = draw

    def send(self, notice: Notice) -> None:
        self._take(notice.key, [notice])

    def send_summary(self, summary: Summary) -> None:
        self._take(summary.key, list(summary.notices))

    def close(self) -> None:
        pass

    def _take(self, key: str, notices: Sequence[Notice]) -> None:
        if self.is_away:
            raise NotificationUndelivered(f"{self.name} is away")
        chance = 1.0 if self.is_quiet else self._draw.random()
        if chance < 0.1:
            raise NotificationUndelivered("too many requests", retry_after_seconds=90)
        self.messages.append((key, list(notices)))
        if chance < 0.1 + CRASH_SHARE:
            raise Killed
        if chance < 0.2:
            raise NotificationUndelivered("the answer was lost")


@dataclass(frozen=True)
class Day:
    """What came of a day.

    Attributes:
        steps: that were to be delivered to each sink.
        lost: steps that did not arrive, over all sinks.
        misordered: alerts of which a later step arrived before an earlier one.
        repeats: messages that arrived under a key that had arrived before.
    """

    steps: int
    messages: int
    lost: int
    misordered: int
    repeats: int
    kills: int


def one_day(store: Store, *, hours: int = 24, seed: int = 0) -> Day:
    """Deliver so many simulated hours of alerts, a minute a turn, with kills at random."""
    draw = random.Random(seed)
    sinks = [FlakySink(name, draw) for name in ("mailto-1", "webhook", "slack-2")]
    site = Site(store, *sinks, max_per_hour=60)
    live: list[int] = []
    n_alerts = kills = 0
    for minute in range(hours * 60):
        if minute % 10 == 0:
            for sink in sinks:
                sink.is_away = draw.random() < 0.3
        if minute % ALERT_EVERY_MINUTES == 0:
            at = site.clock.now()
            found = alert(segment=f"camera={n_alerts}", since=at, window_start=at, opened_at=at)
            live += site.judge(replace(found, refreshed_at=at))
            n_alerts += 1
        elif live and minute % ALERT_EVERY_MINUTES == ALERT_EVERY_MINUTES // 2:
            site.resolve(live.pop(0))
        kills += _turn(site, 60)
    for sink in sinks:
        sink.is_away, sink.is_quiet = False, True
    for _ in range(5):
        kills += _turn(site, 600)
    return _told(sinks, n_alerts, kills)


def _turn(site: Site, seconds: float) -> int:
    try:
        site.wait(seconds)
    except Killed:
        site.restart()
        return 1
    return 0


def _told(sinks: Sequence[FlakySink], n_alerts: int, kills: int) -> Day:
    lost = misordered = repeats = messages = 0
    for sink in sinks:
        keys = Counter(key for key, _ in sink.messages)
        messages += len(sink.messages)
        repeats += sum(n - 1 for n in keys.values())
        first: dict[int, list[str]] = {}
        for _, notices in sink.messages:
            for notice in notices:
                kinds = first.setdefault(notice.alert.id or 0, [])
                if notice.kind not in kinds:
                    kinds.append(notice.kind)
        lost += 2 * n_alerts - sum(len(set(kinds)) for kinds in first.values())
        misordered += sum(kinds != ["opened", "resolved"] for kinds in first.values())
    return Day(2 * n_alerts, messages, lost, misordered, repeats, kills)


@dataclass(frozen=True)
class Crowd:
    """What came of a thousand cameras.

    Attributes:
        pages: to each sink when they changed.
        ends: pages more to each sink when all had recovered.
        lines: that the commands print on a terminal of 80 columns while all are changed.
        judge_seconds: of processor time, to write the alerts; deliver_seconds: to tell the sinks.
        peak_mib: by which the process grew.
    """

    pages: dict[str, int]
    ends: dict[str, int]
    lines: dict[str, int]
    judge_seconds: float
    deliver_seconds: float
    peak_mib: float


def crowd(store: Store, *, cameras: int = 1000, show: Show | None = None) -> Crowd:
    """Let *cameras* change in the same minute, deliver, and let them recover; *show* asks the commands."""
    sinks = [FlakySink(name, random.Random(0), is_quiet=True) for name in ("mailto-1", "webhook")]
    site = Site(store, *sinks)
    resident = _most_resident_mib()
    began = time.process_time()
    found = [
        alert(
            segment=f"camera={number}",
            since=START + timedelta(seconds=number % 60),
            severity="critical",
            rate_now=0.9,
        )
        for number in range(cameras)
    ]
    numbers = site.judge(*found, together=True)
    judged = time.process_time()
    site.delivery.turn()
    delivered = time.process_time()
    peak = _most_resident_mib() - resident
    pages = {sink.name: len(sink.messages) for sink in sinks}
    lines = {" ".join(command): len(show(*command)) for command in SCREENS} if show else {}
    ended = [
        alert(
            id=number,
            segment=one.segment,
            state="resolved",
            severity="critical",
            resolved_at=START + timedelta(hours=1),
        )
        for number, one in zip(numbers, found, strict=True)
    ]
    site.judge(*ended)
    site.wait(60)
    ends = {sink.name: len(sink.messages) - pages[sink.name] for sink in sinks}
    return Crowd(pages, ends, lines, judged - began, delivered - judged, peak)


def _most_resident_mib() -> float:
    """Return the most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_after_another(store: Store, *, cameras: int = 1000, at_once: int = 20) -> int:
    """Let *cameras* change within five minutes, some in each turn; return the pages of a receiver."""
    sink = FlakySink("mailto-1", random.Random(0), is_quiet=True)
    site = Site(store, sink)
    for first in range(0, cameras, at_once):
        since = START + timedelta(minutes=5) * (first / cameras)
        site.judge(
            *(
                alert(segment=f"camera={number}", since=since, severity="critical", rate_now=0.9)
                for number in range(first, min(first + at_once, cameras))
            ),
            together=True,
        )
        site.wait(6)
    return len(sink.messages)
