"""How far each segment has come, and which of its counts are judged: every count exactly once.

A turn of the monitor *claims* the windows that have closed, and reads them, in one transaction. Whatever a
flush counts for a claimed window from then on is also noted as late, in the flush's transaction. The
judgement marks the claimed windows as judged and drops the late counts that it has judged. A claim that
was never judged is made again: its windows are read anew, with what came late to them meanwhile.

The rows of `segment_progress` are the locks: a flush writes those of its segments first, and a claim
locks them all, so that a flush is wholly before a claim or wholly after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Double,
    Select,
    Text,
    case,
    cast,
    collate,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from .arrays import number_array, text_array
from .columns import stored_text
from .errors import RecordConflict
from .flush_records import SegmentAdvance, WindowRecord
from .judgement_records import Claim, LateCounts, SegmentProgress
from .tables import BINS, late_count, segment_progress
from .tables import stream as stream_table
from .upsert import upsert
from .windows import first_window, read_windows

POOL = "*"
POOL_WAIT_WINDOWS = 5
"""The whole stream is judged after its parts, but waits for none that is further behind than this."""

LONGEST_WAIT_WINDOWS = 5
"""Counts that wait for longer than this and the idle time, by the database's clock, are judged although
their segment sends on: its own clock stands still, or runs slowly."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = DateTime(timezone=True)
_NEVER = datetime.min.replace(tzinfo=UTC)
_FIELDS = (
    *("segment", "event_time_max", "counted_at", "clock_offset_seconds"),
    *("claimed_until", "judged_until", "claims", "waiting_since", "events"),
)


def note_progress(
    connection: Connection,
    stream: str,
    detector: str,
    advances: Sequence[SegmentAdvance],
    now: datetime,
) -> None:
    """Write how far segments have come, and hold their rows until the transaction ends."""
    statement = upsert(connection, segment_progress)
    new, old = statement.excluded, segment_progress.c
    newest = case(
        (old.event_time_max > new.event_time_max, old.event_time_max), else_=new.event_time_max
    )
    changes = {
        "event_time_max": newest,
        "counted_at": new.counted_at,
        "clock_offset_seconds": new.clock_offset_seconds,
        "waiting_since": func.coalesce(old.waiting_since, new.waiting_since),
        "events": old.events + new.events,
    }
    rows = [
        {
            "stream": stream,
            "detector": detector,
            "segment": advance.segment,
            "event_time_max": advance.event_time_max,
            "counted_at": now,
            "clock_offset_seconds": advance.clock_offset_seconds,
            "waiting_since": now,
            "events": advance.events,
        }
        for advance in sorted(advances, key=lambda advance: advance.segment)
    ]
    key = segment_progress.primary_key
    names = {stored_text(advance.segment) for advance in advances}
    if connection.dialect.name == "sqlite" or len(names) < len(rows):
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), rows)
        return
    given = _progress_rows(rows)
    columns = [column.name for column in given.selected_columns]
    connection.execute(
        statement.from_select(columns, given).on_conflict_do_update(
            index_elements=key, set_=changes
        )
    )


def _progress_rows(rows: Sequence[Mapping[str, Any]]) -> Select[Any]:
    """Return *rows* as one query, in their order, which is that of the locks; PostgreSQL only."""
    arrays: dict[str, tuple[str, TypeEngine[Any]]] = {
        "segment": (text_array(stored_text(row["segment"]) for row in rows), Text()),
        "event_time_max": (text_array(row["event_time_max"] for row in rows), _TIMES),
        "clock_offset_seconds": (
            number_array(row["clock_offset_seconds"] for row in rows),
            Double(),
        ),
        "events": (number_array(row["events"] for row in rows), BigInteger()),
    }
    given = (
        func.unnest(*(cast(literal(array, Text), ARRAY(kind)) for array, kind in arrays.values()))
        .table_valued(*arrays, name="given")
        .render_derived()
    )
    same = ("stream", "detector", "counted_at", "waiting_since")
    table = segment_progress.c
    return select(
        *(literal(rows[0][name], table[name].type).label(name) for name in same),
        *(given.c[name] for name in arrays),
    )


def note_late(
    connection: Connection, stream: str, detector: str, windows: Sequence[WindowRecord]
) -> None:
    """Note what was counted for windows that a turn has claimed; after `note_progress`."""
    table = segment_progress.c
    claimed = {
        row.segment: row.claimed_until
        for row in connection.execute(
            select(table.segment, table.claimed_until).where(
                table.stream == stream,
                table.detector == detector,
                table.claimed_until.is_not(None),
                table.segment.in_({window.segment for window in windows}),
            )
        )
    }
    rows = [
        {
            "stream": stream,
            "detector": detector,
            "segment": window.segment,
            "layer": window.layer,
            "window_start": window.window_start,
            **dict(zip(BINS, window.counts, strict=True)),
        }
        for window in windows
        if window.window_start <= claimed.get(stored_text(window.segment), _NEVER)
    ]
    if rows:
        connection.execute(insert(late_count), rows)


def read_progress(
    connection: Connection, stream: str, detector: str, *, lock: bool = False
) -> list[SegmentProgress]:
    """Return how far each segment has come; *lock* keeps flushes and other turns away."""
    table = segment_progress.c
    is_sqlite = connection.dialect.name == "sqlite"
    by_code_point = table.segment if is_sqlite else collate(table.segment, "C")  # as flushes sort
    query = (
        select(*(table[name] for name in _FIELDS))
        .where(table.stream == stream, table.detector == detector)
        .order_by(by_code_point)
    )
    rows = connection.execute(query.with_for_update() if lock else query)
    return [SegmentProgress(*row) for row in rows]


def claim_windows(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    window: timedelta,
    idle: timedelta,
    grace: timedelta,
    now: datetime,
    most: int | None = None,
) -> Claim:
    """Take the closed windows that no turn has judged, and what came late to judged ones.

    Args:
        connection: in a transaction that writes.
        stream: its name.
        detector: whose windows.
        window: its length.
        idle: a segment that brought nothing for so long, by the database's clock, is not waited for.
        grace: of event time, waited for late events.
        now: the database's time.
        most: windows to take, of all segments together; None for all. At least one of each.
    """
    progress = read_progress(connection, stream, detector, lock=True)
    closed = last_closed(progress, window=window, idle=idle, grace=grace, now=now)
    taken = [row for row in progress if _is_new(row, closed)]
    until = dict(closed)
    if most is not None and taken:
        length = _slice_windows(most, len(taken)) * window
        for after, segments in _behind(taken, closed, length).items():
            end = _slice_end(connection, stream, detector, segments, after, length, window)
            until |= {segment: min(closed[segment], end - window) for segment in segments}
    _take(connection, stream, detector, taken=taken, closed=until)
    return Claim(
        detector=detector,
        at=now,
        windows=_taken_windows(connection, stream, detector, taken=taken, closed=until),
        late=_read_late(connection, stream, detector),
        progress=read_progress(connection, stream, detector),
        taken=[row.segment for row in taken],
        unfinished=[
            row.segment for row in taken if _claimed_until(row, until) < closed[row.segment]
        ],
    )


def _slice_windows(most: int, n_segments: int) -> int:
    """Return how many windows of each segment a slice holds: a power of two, at least 1."""
    return 1 << max((most // n_segments).bit_length() - 1, 0)


def _behind(
    taken: Sequence[SegmentProgress], closed: Mapping[str, datetime], length: timedelta
) -> dict[datetime | None, list[str]]:
    """Return the segments that may have more than a slice of this *length*, by where they stand."""
    behind: defaultdict[datetime | None, list[str]] = defaultdict(list)
    for row in taken:
        if row.judged_until is None or closed[row.segment] - row.judged_until > length:
            behind[row.judged_until].append(row.segment)
    return behind


def _slice_end(  # noqa: PLR0917 - whose windows, and which
    connection: Connection,
    stream: str,
    detector: str,
    segments: Sequence[str],
    after: datetime | None,
    length: timedelta,
    window: timedelta,
) -> datetime:
    """Return where the slice ends that holds the first window of any of *segments* after a moment.

    Slices begin at multiples of their length since 1970, so that segments stay in step.
    """
    if after is not None:
        end = _floor(after + window, length) + length
        if first_window(connection, stream, detector, segments, after=after, until=end):
            return end
    first = first_window(connection, stream, detector, segments, after=after)
    return datetime.max.replace(tzinfo=UTC) if first is None else _floor(first, length) + length


def last_closed(
    progress: Sequence[SegmentProgress],
    *,
    window: timedelta,
    idle: timedelta,
    grace: timedelta,
    now: datetime,
) -> dict[str, datetime]:
    """Return the start of each segment's last closed window.

    A window closes when its own segment has moved past its end plus *grace*. A segment that brought
    nothing for *idle* is as far as the clock, and after one window more everything of it is closed,
    whatever its clock says; so is everything of one that sends on while its clock stands still. The whole stream stands where the slowest of its parts stands, among
    those that are not far behind.
    """
    closed = {row.segment: _last_closed(row, window, idle, grace, now) for row in progress}
    if POOL in closed:
        nearby = closed[POOL] - POOL_WAIT_WINDOWS * window
        silent = {row.segment for row in progress if now - row.counted_at >= idle + window}
        parts = [at for name, at in closed.items() if name not in silent and at >= nearby]
        closed[POOL] = min([*parts, closed[POOL]])
    return closed


def mark_judged(connection: Connection, stream: str, claim: Claim) -> None:
    """Mark what *claim* took as judged.

    Raises:
        RecordConflict: another turn has taken it since.
    """
    tokens = {row.segment: row.claims for row in claim.progress}
    rows = read_progress(connection, stream, claim.detector, lock=True)  # in the order of flushes
    current = {row.segment: row.claims for row in rows}
    overtaken = [name for name in claim.taken if current[name] != tokens[name]]
    if overtaken:
        raise _conflict(stream, overtaken)
    table = segment_progress.c
    own = (table.stream == stream, table.detector == claim.detector)
    connection.execute(
        update(segment_progress)
        .where(*own, table.segment.in_(claim.taken))
        .values(judged_until=table.claimed_until)
    )
    _mark_waiting(connection, stream, claim, rows)
    ids = [row.id for row in claim.late]
    for first in range(0, len(ids), 500):
        some = ids[first : first + 500]
        dropped = connection.execute(delete(late_count).where(late_count.c.id.in_(some)))
        if dropped.rowcount != len(some):
            raise _conflict(stream, sorted({row.segment for row in claim.late}))


def _mark_waiting(
    connection: Connection, stream: str, claim: Claim, rows: Sequence[SegmentProgress]
) -> None:
    """Note what of the judged segments still waits: what came after the claim, or is not closed."""
    own = stream_table.c
    seconds = connection.scalar(select(own.window_seconds).where(own.stream == stream))
    window = timedelta(seconds=int(seconds or 0))
    judged = {*claim.taken, *(row.segment for row in claim.late)} - {*claim.unfinished}
    waiting: dict[datetime | None, list[str]] = {claim.at: [], None: []}
    for row in rows:
        if row.segment in judged:
            is_open = row.claimed_until is None or row.event_time_max >= row.claimed_until + window
            waiting[claim.at if is_open or row.counted_at > claim.at else None].append(row.segment)
    table = segment_progress.c
    for since, segments in waiting.items():
        connection.execute(
            update(segment_progress)
            .where(
                table.stream == stream,
                table.detector == claim.detector,
                table.segment.in_(segments),
            )
            .values(waiting_since=since)
        )


def waiting_seconds(
    connection: Connection, stream: str, detector: str, now: datetime
) -> float | None:
    """Return how long the oldest count has waited to be judged, None where none waits."""
    table = segment_progress.c
    oldest = connection.scalar(
        select(func.min(table.waiting_since)).where(
            table.stream == stream, table.detector == detector
        )
    )
    return None if oldest is None else max((now - oldest).total_seconds(), 0.0)


def _conflict(stream: str, segments: Sequence[str]) -> RecordConflict:
    named = ", ".join(repr(segment) for segment in segments[:3])
    return RecordConflict(
        f"another turn of the monitor has taken windows of {len(segments)} segments of stream "
        f"{stream!r} ({named}); nothing was written",
        hint="another agent judged these windows; read its state and go on from there",
    )


def _last_closed(
    row: SegmentProgress, window: timedelta, idle: timedelta, grace: timedelta, now: datetime
) -> datetime:
    newest, silence = _floor(row.event_time_max, window), now - row.counted_at
    waited = now - row.waiting_since if row.waiting_since else timedelta(0)
    if silence >= idle + window or waited >= idle + LONGEST_WAIT_WINDOWS * window:
        return newest
    moved = row.event_time_max - grace
    until = max(moved, now - grace) if silence >= idle else moved
    return min(newest, _floor(until, window) - window)


def _floor(moment: datetime, window: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // window * window


def _is_new(row: SegmentProgress, closed: Mapping[str, datetime]) -> bool:
    """Return whether windows have closed, or were claimed by a turn that never judged them."""
    if row.claimed_until != row.judged_until:
        return True
    return row.judged_until is None or closed[row.segment] > row.judged_until


def _take(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    taken: Sequence[SegmentProgress],
    closed: Mapping[str, datetime],
) -> None:
    """Claim the segments' windows, with one statement for all that are claimed alike."""
    alike: defaultdict[datetime, list[str]] = defaultdict(list)
    for row in taken:
        alike[_claimed_until(row, closed)].append(row.segment)
        if row.claimed_until != row.judged_until:
            _drop_unjudged(connection, stream, detector, row)
    table = segment_progress.c
    for until, segments in alike.items():
        connection.execute(
            update(segment_progress)
            .where(
                table.stream == stream,
                table.detector == detector,
                table.segment.in_(segments),
            )
            .values(claimed_until=until, claims=table.claims + 1)
        )


def _claimed_until(row: SegmentProgress, closed: Mapping[str, datetime]) -> datetime:
    """Return the start of the last window that is taken, at least that of an unfinished claim."""
    until = closed[row.segment]
    return max(until, row.claimed_until or until)


def _drop_unjudged(
    connection: Connection, stream: str, detector: str, row: SegmentProgress
) -> None:
    """Drop what came late to a claim that was not judged: its windows are read anew, with it."""
    late = late_count.c
    after = () if row.judged_until is None else (late.window_start > row.judged_until,)
    own = (late.stream == stream, late.detector == detector, late.segment == row.segment)
    connection.execute(delete(late_count).where(*own, *after))


def _taken_windows(
    connection: Connection,
    stream: str,
    detector: str,
    *,
    taken: Sequence[SegmentProgress],
    closed: Mapping[str, datetime],
) -> list[WindowRecord]:
    """Read what was taken, with one query for all segments that stand alike."""
    ranges: defaultdict[tuple[datetime | None, datetime], list[str]] = defaultdict(list)
    for row in taken:
        ranges[row.judged_until, _claimed_until(row, closed)].append(row.segment)
    found: list[WindowRecord] = []
    for (after, until), segments in ranges.items():
        end = until + timedelta(microseconds=1)
        found += read_windows(
            connection, stream, detector, after=after, until=end, segments=segments
        )
    return sorted(found, key=lambda window: (window.window_start, window.segment, window.layer))


def _read_late(connection: Connection, stream: str, detector: str) -> list[LateCounts]:
    table = late_count.c
    columns = (table.id, table.segment, table.layer, table.window_start)
    rows = connection.execute(
        select(*columns, *(table[name] for name in BINS))
        .where(table.stream == stream, table.detector == detector)
        .order_by(table.id)
    )
    return [LateCounts(row[0], row[1], row[2], row[3], tuple(row[4:])) for row in rows]
