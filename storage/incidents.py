"""Incidents: alerts that begin together are one, and its steps are what receivers are told.

Every alert belongs to an incident, often alone. An incident's step is written in the transaction that
changes its alerts, and there are few of them however many members it has: it opens, grows by doubling,
worsens, recovers by halves, is acknowledged, ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from .alert_columns import ALERT_COLUMNS
from .alert_records import LIVE_STATES, SEVERITIES, AlertRecord
from .incident_kinds import Told, next_kind
from .incident_records import IncidentRecord, IncidentStep, SiteOf, no_site
from .mute_records import MuteRecord, read_mutes
from .origins import likely_cause, n_segments_of
from .tables import alert, incident, incident_step

INCIDENT_SPAN = timedelta(minutes=5)

MANY = 3
"""So many segments of a kind, and at least half of those that there are, are a change of all."""

_SLICE = 500
_COLUMNS = (
    *("id", "stream", "state", "severity", "opened_at", "since", "until", "resolved_at"),
    *("members", "live", "key", "changed", "known", "cause"),
)


def join_incidents(
    connection: Connection,
    alerts: Sequence[AlertRecord],
    *,
    span: timedelta,
    now: datetime,
    site_of: SiteOf = no_site,
) -> dict[int, int]:
    """Put alerts that are in no incident yet into one; return the incident of each, by number.

    An alert joins a live incident that began at most *span* before or after it, or that was raised
    so near to it; of several the nearest.

    Args:
        connection: in a transaction that writes.
        alerts: of one stream, as they are stored.
        span: of event time.
        now: by which mutes hold: a muted alert and one that is not are never one incident, or
            nobody would be told of the one.
        site_of: the site of a segment; alerts of two sites are never one incident.
    """
    if not alerts:
        return {}
    numbers = [one.id or 0 for one in alerts]
    query = select(alert.c.id, alert.c.incident_id).where(alert.c.id.in_(numbers))
    found: dict[int, int | None] = {row[0]: row[1] for row in connection.execute(query)}
    begun = _live_beginnings(connection, alerts[0].stream)
    mutes = read_mutes(connection, alerts[0].stream, now)
    for one in sorted(alerts, key=lambda one: (one.since, one.id)):
        if found[one.id or 0] is not None:
            continue
        is_muted, site = _is_muted(one, mutes), site_of(one.segment)
        alike = {
            number: first
            for number, first in begun.items()
            if _is_muted(first, mutes) == is_muted
            and (site is None or site_of(first.segment) in (None, site))
        }
        own = _nearest(alike, one, span)
        if own is None:
            own = _open(connection, one)
            begun[own] = one
        statement = alert.update().where(alert.c.id == one.id).values(incident_id=own)
        connection.execute(statement)
        found[one.id or 0] = own
    return {number: own for number, own in found.items() if own is not None}


def settle_incidents(
    connection: Connection,
    numbers: Collection[int],
    *,
    now: datetime,
    by: str,
    note: str = "",
    news: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Bring incidents up to date with their alerts, and write the step of each that has one.

    Args:
        connection: in a transaction that writes.
        numbers: of the incidents.
        now: when what changed them was done.
        by: who did it.
        note: what they wrote.
        news: of some of them, what changed again within the change; one step for each.
    """
    for number in sorted(numbers):
        _settle(connection, number, now=now, by=by, note=note, news=news.get(number, ""))


def incidents_of(connection: Connection, alerts: Collection[int]) -> set[int]:
    """Return the incidents of these alerts."""
    query = select(alert.c.incident_id).where(
        alert.c.id.in_(alerts), alert.c.incident_id.is_not(None)
    )
    return set(connection.scalars(query))


def read_incidents(
    connection: Connection,
    stream: str,
    *,
    states: Collection[str] | None = None,
    ids: Collection[int] | None = None,
    ended_since: datetime | None = None,
    limit: int | None = None,
) -> list[IncidentRecord]:
    """Return incidents, newest first; with *ended_since* only those that ended since then."""
    columns = (*(incident.c[name] for name in _COLUMNS), *ALERT_COLUMNS)
    query = (
        select(*columns)
        .join(alert, alert.c.id == incident.c.first_alert_id)
        .where(incident.c.stream == stream)
        .order_by(incident.c.opened_at.desc(), incident.c.id.desc())
        .limit(limit)
    )
    if states is not None:
        query = query.where(incident.c.state.in_(states))
    if ids is not None:
        query = query.where(incident.c.id.in_(ids))
    if ended_since is not None:
        query = query.where(incident.c.resolved_at >= ended_since)
    rows = connection.execute(query).all()
    parts = _parts(connection, [row[0] for row in rows])
    return [_record(row, parts[row[0]]) for row in rows]


def read_incident_steps(connection: Connection, number: int) -> list[IncidentStep]:
    """Return the steps in an incident's life in order."""
    table = incident_step.c
    columns = (table.incident_id, table.kind, table.changed_at, table.actor, table.note)
    query = select(*columns).where(table.incident_id == number).order_by(table.id)
    return [IncidentStep(*row) for row in connection.execute(query)]


def _live_beginnings(connection: Connection, stream: str) -> dict[int, AlertRecord]:
    """Return the first alert of every live incident of the stream."""
    query = (
        select(incident.c.id, *ALERT_COLUMNS)
        .join(alert, alert.c.id == incident.c.first_alert_id)
        .where(incident.c.stream == stream, incident.c.state.in_(LIVE_STATES))
    )
    return {row[0]: AlertRecord(*row[1:]) for row in connection.execute(query)}


def _nearest(begun: dict[int, AlertRecord], one: AlertRecord, span: timedelta) -> int | None:
    near = [
        (min(abs(first.since - one.since), abs(first.window_start - one.window_start)), number)
        for number, first in begun.items()
    ]
    distance, number = min(near, default=(span * 2, 0))
    return number if near and distance <= span else None


def _is_muted(one: AlertRecord, mutes: Sequence[MuteRecord]) -> bool:
    return any(mute.holds(one.segment) for mute in mutes)


def _open(connection: Connection, first: AlertRecord) -> int:
    values = {
        "stream": first.stream,
        "state": "open",
        "severity": first.severity,
        "opened_at": first.opened_at,
        "since": first.since,
        "until": first.since,
        "first_alert_id": first.id,
        "members": 0,
        "live": 0,
        "changed": 0,
        "known": 0,
        "told_members": 0,
        "told_live": 0,
    }
    key = connection.execute(insert(incident), values).inserted_primary_key
    return int(key[0]) if key else 0


def _settle(
    connection: Connection, number: int, *, now: datetime, by: str, note: str, news: str
) -> None:
    row = connection.execute(
        select(incident).where(incident.c.id == number).with_for_update()
    ).one()
    members = connection.execute(
        select(
            *(alert.c.segment, alert.c.state, alert.c.severity, alert.c.since),
            *(alert.c.resolved_at, alert.c.detector),
        ).where(alert.c.incident_id == number)
    ).all()
    live = [one for one in members if one.state in LIVE_STATES]
    values = {
        **_spread(connection, row, members),
        "state": _state(members),
        "members": len(members),
        "live": len(live),
        "resolved_at": None if live else max(one.resolved_at or now for one in members),
    }
    is_new = row.told_members == 0
    before = Told(None if is_new else row.state, row.severity, row.told_members or 1, row.told_live)
    after = Told(str(values["state"]), str(values["severity"]), len(members), len(live))
    kind = next_kind(before, after) or ("changed" if news and live else None)
    if kind is not None:
        values |= {"told_members": max(row.told_members, len(members)), "told_live": len(live)}
        said = note or news
        if kind == "worsened":
            said = f"{before.severity} became {after.severity}" + (f"; {news}" if news else "")
        at = {"opened": row.opened_at}.get(kind, values["resolved_at"] or now)
        write_incident_step(connection, number, kind, at=at, by=by, note=said)
    connection.execute(incident.update().where(incident.c.id == number).values(values))


def _state(members: Sequence[Any]) -> str:
    states = {one.state for one in members}
    if "open" in states:
        return "open"
    if "acknowledged" in states:
        return "acknowledged"
    return "gone" if states == {"gone"} else "resolved"


def _spread(connection: Connection, row: Row[Any], members: Sequence[Any]) -> dict[str, object]:
    """Return how far the change reaches: which kind of segment, how many of how many, since when."""
    segments: defaultdict[str | None, set[str]] = defaultdict(set)
    for one in members:
        segments[_key(one.segment)].add(one.segment)
    key = max(segments, key=lambda key: (len(segments[key]), key or ""))
    changed, detector = len(segments[key]), members[0].detector
    known = row.known
    if key != row.key or changed != row.changed:
        known = n_segments_of(connection, row.stream, detector, key)
    severity = max((one.severity for one in members), key=SEVERITIES.index)
    if changed >= MANY and 2 * changed >= known:
        severity = SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]
    return {
        "key": key,
        "changed": changed,
        "known": max(known, changed),
        "severity": max(severity, row.severity, key=SEVERITIES.index),
        "since": min(one.since for one in members),
        "until": max(one.since for one in members),
        "cause": row.cause or likely_cause(connection, row.stream, detector, row.since),
    }


def _key(segment: str) -> str | None:
    return segment.partition("=")[0] if "=" in segment else None


def write_incident_step(
    connection: Connection, number: int, kind: str, *, at: datetime, by: str, note: str
) -> None:
    """Write one step, which receivers are told."""
    row = {"incident_id": number, "kind": kind, "changed_at": at, "actor": by, "note": note}
    connection.execute(insert(incident_step), row)


def _parts(connection: Connection, numbers: Sequence[int]) -> Mapping[int, list[tuple[str, str]]]:
    """Return segment and test of the alerts of each that live, or of all where none does."""
    every: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    live: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    columns = (alert.c.incident_id, alert.c.state, alert.c.segment, alert.c.test)
    for first in range(0, len(numbers), _SLICE):
        some = numbers[first : first + _SLICE]
        query = select(*columns).where(alert.c.incident_id.in_(some)).order_by(alert.c.id)
        for number, state, segment, test in connection.execute(query):
            every[number].append((segment, test))
            if state in LIVE_STATES:
                live[number].append((segment, test))
    return {number: live.get(number) or every[number] for number in numbers}


def _record(row: Row[Any], parts: Sequence[tuple[str, str]]) -> IncidentRecord:
    values = dict(zip(_COLUMNS, row, strict=False))
    return IncidentRecord(**values, alert=AlertRecord(*row[len(_COLUMNS) :]), parts=parts)
