"""What a turn of the monitor claims and marks as judged, so that each count is judged exactly once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from .closing import last_closed, window_floor
from .errors import RecordConflict
from .histogram_rows import HistogramRows, read_histograms
from .judgement_records import Claim, LateCounts, SegmentProgress
from .progress import read_progress
from .tables import BINS, late_count, segment_progress
from .tables import stream as stream_table
from .windows import first_window


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
        end = window_floor(after + window, length) + length
        if first_window(connection, stream, detector, segments, after=after, until=end):
            return end
    first = first_window(connection, stream, detector, segments, after=after)
    return (
        datetime.max.replace(tzinfo=UTC) if first is None else window_floor(first, length) + length
    )


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


def _conflict(stream: str, segments: Sequence[str]) -> RecordConflict:
    named = ", ".join(repr(segment) for segment in segments[:3])
    return RecordConflict(
        f"another turn of the monitor has taken windows of {len(segments)} segments of stream "
        f"{stream!r} ({named}); nothing was written",
        hint="another agent judged these windows; read its state and go on from there",
    )


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
) -> HistogramRows:
    """Read what was taken, with one query for all segments that stand alike."""
    ranges: defaultdict[tuple[datetime | None, datetime], list[str]] = defaultdict(list)
    for row in taken:
        ranges[row.judged_until, _claimed_until(row, closed)].append(row.segment)
    instant = timedelta(microseconds=1)
    return HistogramRows.joined(
        [
            read_histograms(
                *(connection, stream, detector),
                after=after,
                until=until + instant,
                segments=segments,
            )
            for (after, until), segments in ranges.items()
        ]
    )


def _read_late(connection: Connection, stream: str, detector: str) -> list[LateCounts]:
    table = late_count.c
    columns = (table.id, table.segment, table.layer, table.window_start)
    rows = connection.execute(
        select(*columns, *(table[name] for name in BINS))
        .where(table.stream == stream, table.detector == detector)
        .order_by(table.id)
    )
    return [LateCounts(row[0], row[1], row[2], row[3], tuple(row[4:])) for row in rows]
