"""Overview: is it working, what needs a person, and every segment as a small line, trouble first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from driftgauge.storage import (
    BACKLOG_STATES,
    LIVE_STATES,
    POOL,
    SEVERITIES,
    IncidentRecord,
    MuteRecord,
    NotificationCount,
    Period,
    RateRow,
    StreamRecord,
)

from ..alert.incident_wording import incident_message
from ..review.normal import normal_rates
from ..review.overview import PHASES, worst_first
from ..review.segment_standing import SegmentStanding, segment_standings
from ..review.standing import StreamStanding
from .desk import Desk
from .segment_line import SegmentLine, rate_points

_SPANS: tuple[tuple[Period, timedelta, int], ...] = (
    ("minute", timedelta(hours=1), 60),
    ("hour", timedelta(days=1), 3600),
)
_YOUNG = timedelta(hours=4)
_MOST_AHEAD = timedelta(hours=1)
_MOST_POINTS = 15_000
"""Of all lines together in minutes; with more segments lines are by hour."""

_MOST_INCIDENTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTile:
    """One segment of the grid.

    Attributes:
        seen_at: start of its newest window; None before the first.
        muted: whether nobody is told of its alerts now.
        line: its rates lately; None where it has sent nothing in that time.
    """

    standing: SegmentStanding
    seen_at: datetime | None
    muted: bool
    line: SegmentLine | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """An incident that lives, with its claim in words."""

    record: IncidentRecord
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The page of a stream.

    Attributes:
        stream: what is watched.
        standing: whether it works.
        incidents: those that live, the most severe first; of many, the first few.
        n_incidents: how many live.
        tiles: the segments that were asked for, trouble first.
        counts: how many segments there are in each state.
        n_segments: how many there are in all.
        column: what one column of the lines is.
    """

    stream: StreamRecord
    standing: StreamStanding
    incidents: Sequence[OpenIncident]
    n_incidents: int
    mutes: Sequence[MuteRecord]
    undelivered: Sequence[NotificationCount]
    tiles: Sequence[SegmentTile]
    counts: Mapping[str, int]
    n_segments: int
    column: str
    made_at: datetime


def overview(desk: Desk, name: str, *, text: str = "", state: str = "") -> Overview:
    """Return the page of stream *name*.

    Args:
        desk: the database.
        name: of the stream.
        text: only segments whose name has it; ``*`` stands for any text.
        state: only segments in this state.
    """
    stream = desk.stream(name)
    tiles, column = desk.shared(("tiles", name), lambda: _tiles(desk, stream))
    live = desk.store.incidents(name, states=LIVE_STATES)
    ranked = sorted(live, key=lambda one: -SEVERITIES.index(one.severity))
    troubled = [
        one
        for one in desk.store.notification_counts(name, BACKLOG_STATES)
        if one.state == "dead" or one.last_error
    ]
    return Overview(
        stream=stream,
        standing=desk.standing(stream),
        incidents=[
            OpenIncident(record=one, message=incident_message(one))
            for one in ranked[:_MOST_INCIDENTS]
        ],
        n_incidents=len(live),
        mutes=desk.store.mutes(name),
        undelivered=troubled,
        tiles=[one for one in tiles if _fits(one, text, state)],
        counts=_counts(tiles),
        n_segments=len(tiles),
        column=column,
        made_at=desk.now(),
    )


def _fits(tile: SegmentTile, text: str, state: str) -> bool:
    name = tile.standing.segment.lower()
    pattern = text.lower()
    is_named = fnmatchcase(name, f"*{pattern}*") or pattern in name
    return is_named and state in ("", tile.standing.phase)


def _counts(tiles: Sequence[SegmentTile]) -> dict[str, int]:
    counts = Counter(tile.standing.phase for tile in tiles)
    return {phase: counts[phase] for phase in PHASES if counts[phase]}


def _tiles(desk: Desk, stream: StreamRecord) -> tuple[list[SegmentTile], str]:
    store, name = desk.store, stream.stream
    seen = store.segments(name)
    lines, column = _lines(desk, stream, seen)
    mutes = store.mutes(name)
    ranked = worst_first(segment_standings(store, name, desk.judging(stream)))
    tiles = [
        SegmentTile(
            standing=row,
            seen_at=seen.get(row.segment),
            muted=any(mute.holds(row.segment) for mute in mutes),
            line=lines.get(row.segment),
        )
        for row in ranked
    ]
    return tiles, column


def _lines(
    desk: Desk, stream: StreamRecord, seen: Mapping[str, datetime]
) -> tuple[dict[str, SegmentLine], str]:
    """Return each segment's line: of the last hour by minute while there is no more, else of a day."""
    if not seen:
        return {}, "hour"
    newest = _newest(seen, desk.now())
    before = desk.store.rates(
        stream.stream, period="hour", segment=POOL, since=newest - _YOUNG, until=newest
    )
    is_young = len({row.period_start for row in before}) < 3  # noqa: PLR2004 - hours
    is_fine = is_young and len(seen) * 60 <= _MOST_POINTS
    period, span, seconds = _SPANS[0 if is_fine else 1]
    end = _ceiling(newest + timedelta(seconds=stream.window_seconds), seconds)
    rows = desk.store.rates(stream.stream, period=period, since=end - span, until=end)
    begin = max(end - span, min((row.period_start for row in rows), default=end - span))
    normal = normal_rates(desk.store, stream.stream)
    by_segment: dict[str, list[RateRow]] = {}
    for row in rows:
        by_segment.setdefault(row.segment, []).append(row)
    lines = {
        segment: SegmentLine(
            begin=begin,
            end=end,
            column_seconds=seconds,
            points=rate_points(own),
            normal=normal.get(segment),
        )
        for segment, own in by_segment.items()
    }
    return lines, period


def _newest(seen: Mapping[str, datetime], now: datetime) -> datetime:
    """Return the newest window; one camera whose clock is ahead does not hide all others."""
    believable = [moment for moment in seen.values() if moment <= now + _MOST_AHEAD]
    return max(believable or seen.values())


def _ceiling(moment: datetime, seconds: int) -> datetime:
    over = moment.timestamp() % seconds
    return moment + timedelta(seconds=seconds - over if over else 0)
