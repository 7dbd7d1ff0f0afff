"""Alerts and incidents: what changed, since when, in which layers, the frames, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import (
    LIVE_STATES,
    UNRATED,
    AlertRecord,
    AlertTransition,
    IncidentRecord,
    IncidentStep,
    MuteRecord,
    Period,
    StreamRecord,
    VerdictCount,
)

from ..alert.certainty import certainty
from ..alert.incident_wording import incident_message, incident_subject
from ..pages.shots import Shot
from .desk import Desk
from .errors import NothingThere, RequestUnusable
from .segment_line import SegmentLine, rate_points

PAGE = 50
LISTS = {"live": LIVE_STATES, "all": None}
_FRAMES = 6
_BEFORE = 30
_MOST_COLUMNS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert of a list."""

    alert: AlertRecord
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertList:
    """Alerts, newest first.

    Attributes:
        n_all: how many fit, beyond those of this page as well.
        verdicts: how often the alerts of each test were right, by the word of people.
    """

    stream: StreamRecord
    shown: str
    segment: str
    alerts: Sequence[AlertRow]
    n_all: int
    page: int
    n_pages: int
    verdicts: Sequence[VerdictCount]
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPage:
    """One alert.

    Attributes:
        certainty: how rare its evidence is without a change, in words; empty where its test says none.
        incident_words: what changed together with it; empty where it is alone.
        line: the segment's rates around it; None for a segment that fell silent.
        unusual: the most unusual frames since the change.
        typical: typical ones from before it.
        link: the page that the settings name for it; empty for none.
    """

    stream: StreamRecord
    alert: AlertRecord
    certainty: str
    steps: Sequence[AlertTransition]
    incident: IncidentRecord | None
    incident_words: str
    mutes: Sequence[MuteRecord]
    line: SegmentLine | None
    unusual: Sequence[Shot]
    typical: Sequence[Shot]
    link: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPage:
    """Alerts that began together."""

    stream: StreamRecord
    incident: IncidentRecord
    message: str
    alerts: Sequence[AlertRow]
    steps: Sequence[IncidentStep]
    made_at: datetime


def alert_list(
    desk: Desk, name: str, *, shown: str = "live", segment: str = "", page: str = ""
) -> AlertList:
    """Return alerts of stream *name*: the live ones, or ``all``; *page* counts from 1."""
    stream = desk.stream(name)
    if shown not in LISTS:
        raise RequestUnusable(f"shown={shown!r} is none of {', '.join(LISTS)}")
    number = int(page) if page.isdecimal() and len(page) < 7 else 1  # noqa: PLR2004 - digits
    states, only = LISTS[shown], segment or None
    n_all = desk.store.count_alerts(name, states=states, segment=only)
    n_pages = max(1, -(-n_all // PAGE))
    number = max(1, min(number, n_pages))
    found = desk.store.alerts(name, states=states, segment=only, limit=number * PAGE)
    return AlertList(
        stream=stream,
        shown=shown,
        segment=segment,
        alerts=_rows(desk, name, found[(number - 1) * PAGE :]),
        n_all=n_all,
        page=number,
        n_pages=n_pages,
        verdicts=desk.store.verdict_counts(name),
        made_at=desk.now(),
    )


def alert_page(desk: Desk, name: str, number: int) -> AlertPage:
    """Return one alert; raise NothingThere where the stream has none of that number."""
    stream = desk.stream(name)
    alert = desk.store.alert(number)
    if alert is None or alert.stream != name:
        raise NothingThere(f"stream {name!r} has no alert {number}")
    incident = _incident(desk, alert)
    until = alert.refreshed_at + timedelta(seconds=stream.window_seconds)
    is_shared = incident is not None and incident.members > 1
    page = desk.settings.notify.page_url if desk.settings else ""
    return AlertPage(
        stream=stream,
        alert=alert,
        certainty=certainty(alert.log_e_value),
        steps=desk.store.transitions(number),
        incident=incident,
        incident_words=incident_subject(incident) if incident and is_shared else "",
        mutes=[one for one in desk.store.mutes(name) if one.holds(alert.segment)],
        line=None if alert.test in UNRATED else _line(desk, stream, alert),
        unusual=_frames(desk, alert, "unusual", since=alert.since, until=until),
        typical=_frames(desk, alert, "typical", until=alert.since),
        link=page.replace("{alert}", str(number))
        if page.startswith(("http://", "https://"))
        else "",
        made_at=desk.now(),
    )


def incident_page(desk: Desk, name: str, number: int) -> IncidentPage:
    """Return one incident; raise NothingThere where the stream has none of that number."""
    stream = desk.stream(name)
    found = desk.store.incidents(name, ids=[number])
    if not found:
        raise NothingThere(f"stream {name!r} has no incident {number}")
    members = [one for one in desk.store.alerts(name) if one.incident_id == number]
    return IncidentPage(
        stream=stream,
        incident=found[0],
        message=incident_message(found[0]),
        alerts=_rows(desk, name, members),
        steps=desk.store.incident_steps(number),
        made_at=desk.now(),
    )


def _rows(desk: Desk, name: str, alerts: Sequence[AlertRecord]) -> list[AlertRow]:
    mutes = desk.store.mutes(name)
    return [
        AlertRow(alert=one, muted=any(mute.holds(one.segment) for mute in mutes)) for one in alerts
    ]


def _incident(desk: Desk, alert: AlertRecord) -> IncidentRecord | None:
    if alert.incident_id is None:
        return None
    found = desk.store.incidents(alert.stream, ids=[alert.incident_id])
    return found[0] if found else None


def _line(desk: Desk, stream: StreamRecord, alert: AlertRecord) -> SegmentLine | None:
    """Return the rates from some columns before the change until the alert was last raised."""
    window = timedelta(seconds=stream.window_seconds)
    until = alert.refreshed_at + window
    period, column = _column(alert.since, until, window)
    end = until + 5 * column
    begin = alert.since - _BEFORE * column
    rows = desk.store.rates(
        stream.stream, period=period, segment=alert.segment, since=begin, until=end
    )
    if not rows:
        return None
    return SegmentLine(
        begin=min(begin, rows[0].period_start),
        end=end,
        column_seconds=column.total_seconds(),
        points=rate_points(rows),
        normal=alert.rate_normal,
    )


def _column(since: datetime, until: datetime, window: timedelta) -> tuple[Period, timedelta]:
    """Return the finest columns of which few enough lie between two moments."""
    wanted: tuple[tuple[Period, timedelta], ...] = (
        ("window", window),
        ("minute", timedelta(minutes=1)),
        ("hour", timedelta(hours=1)),
        ("day", timedelta(days=1)),
    )
    fine = [(period, column) for period, column in wanted if column >= window]
    return next(
        ((period, column) for period, column in fine if (until - since) / column <= _MOST_COLUMNS),
        fine[-1],
    )


def _frames(
    desk: Desk,
    alert: AlertRecord,
    kind: str,
    *,
    since: datetime | None = None,
    until: datetime,
) -> list[Shot]:
    if alert.test in UNRATED:
        return []
    return desk.shots(
        desk.store.evidence(
            alert.stream,
            segment=alert.segment,
            kind=kind,
            since=since,
            until=until,
            limit=_FRAMES,
        )
    )
