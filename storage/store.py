"""The store: every call that agents and commands make on the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from . import (
    agents,
    alerts,
    arrival_patterns,
    detectors,
    evidence,
    export,
    incidents,
    leases,
    mutes,
    notifications,
    progress,
    segment_state,
    streams,
    verdicts,
    windows,
)
from .agent_records import AgentRecord, HeartbeatRecord
from .clock import database_now
from .database import Database
from .errors import RowRefused
from .flush import write_flush
from .histogram import DEFAULT_ALPHA
from .incident_records import IncidentRecord, IncidentStep, Notification
from .isolation import WriteApart
from .mute_records import MuteRecord, read_mutes
from .periods import Period
from .records import (
    AlertRecord,
    AlertTransition,
    ArrivalsLook,
    ArrivalsRead,
    Claim,
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    Judgement,
    MonitorState,
    NotificationAttempts,
    NotificationCount,
    PartitionRecord,
    RateRow,
    RefusedRow,
    ScoreSummary,
    SegmentProgress,
    StreamRecord,
    VerdictCount,
    WindowRecord,
)
from .segment_records import SegmentBaseline, SegmentStateRow
from .upkeep import Upkeep


class Store:
    """Reads and writes of one database, each call one transaction; threads may share it.

    Every call raises StoreUnavailable when the database does not answer, and can then be made
    again: a call that failed wrote nothing.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] | None = None,
        on_refused: Callable[[Sequence[RefusedRow]], None] | None = None,
    ) -> None:
        """Stand on *database*, which stays the caller's to close.

        Args:
            database: upgraded to this version.
            now: stands in for the database's clock, which dates flushes, heartbeats and leases.
            on_refused: receives rows of a flush that the database refuses because of their content; the
                others are written then. None raises RowRefused instead, and writes nothing.
        """
        self._database = database
        self._clock = now
        self._on_refused = on_refused

    def clock(self) -> datetime:
        """Return the time by the database's clock."""
        with self._database.read() as connection:
            return self._now(connection)

    def ping(self) -> None:
        """Return when the database answers, with the least work that shows it."""
        with self._database.read() as connection:
            streams.ping(connection)

    def database_id(self) -> str:
        """Return the id that this database has had since it was made; its copies have it as well."""
        with self._database.write() as connection:
            return streams.database_id(connection)

    # Streams and partitions

    def ensure_stream(
        self, stream: str, topic: str, window_seconds: int, *, alpha: float = DEFAULT_ALPHA
    ) -> None:
        """Register the stream; raise RecordConflict if its windows have another length.

        Args:
            stream: its name.
            topic: where its events come from; may change.
            window_seconds: never changes.
            alpha: a p-value of at most this is out of distribution, everywhere; may change, and
                then holds for what was counted before as well.
        """
        with self._database.write() as connection:
            now = self._now(connection)
            wanted = StreamRecord(stream, topic, window_seconds, now, alpha)
            streams.ensure_stream(connection, wanted)

    def first_partitions(self, stream: str, n_now: int) -> int:
        """Return how many partitions the stream's topic had when any agent first read it.

        Args:
            stream: a registered one.
            n_now: how many it has; remembered by the first call.
        """
        with self._database.write() as connection:
            return streams.first_partitions(connection, stream, n_now)

    def streams(self) -> list[StreamRecord]:
        """Return every stream by name."""
        with self._database.read() as connection:
            return streams.read_streams(connection)

    def flush(self, flush: FlushRecord) -> None:
        """Write everything in one transaction; raise StaleFlush if it is not the next one.

        A stale flush wrote nothing: drop its counts and seek to the database's offsets.
        """
        try:
            with self._database.write() as connection:
                write_flush(connection, flush, self._now(connection))
        except RowRefused:
            if self._on_refused is None:
                raise
            self._on_refused(self._flush_apart(flush))

    def _flush_apart(self, flush: FlushRecord) -> list[RefusedRow]:
        """Write all but the rows that the database refuses; return those."""
        with self._database.write() as connection:
            write = WriteApart(connection, self._database.name)
            return write_flush(connection, flush, self._now(connection), write=write)

    def offsets(
        self, stream: str, partitions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], int]:
        """Return the next offset of each partition that the database knows."""
        with self._database.read() as connection:
            return streams.read_offsets(connection, stream, partitions)

    def partitions(self, stream: str) -> list[PartitionRecord]:
        """Return how far each partition is counted."""
        with self._database.read() as connection:
            return streams.read_partitions(connection, stream)

    def note_topic(self, stream: str, topic: str, topic_id: str) -> str | None:
        """Compare the broker's id of the topic with that of the stored offsets.

        Returns:
            None when they are of this topic, or were of none; they are of this one from now on.
            Otherwise the id of the topic that they are of: it was deleted and recreated, and the
            offsets mean nothing in it. Nothing is changed then.
        """
        with self._database.write() as connection:
            return streams.note_topic(connection, stream, topic, topic_id)

    def accept_topic(self, stream: str, topic: str, topic_id: str) -> int:
        """Take the topic with this id for the stream's: drop the offsets of its earlier ids.

        Every partition of it is then read from its first record (`first_partitions` is 0). What was
        counted stays. Returns how many partitions had an offset.
        """
        with self._database.write() as connection:
            return streams.accept_topic(connection, stream, topic, topic_id)

    # Agents

    def heartbeat(self, record: HeartbeatRecord) -> None:
        """Note that an agent of a registered stream lives, and how it is."""
        with self._database.write() as connection:
            now = self._now(connection)
            agents.write_heartbeat(connection, record, now)
            agents.forget_agents(connection, record.stream, now)

    def agents(self, stream: str) -> list[AgentRecord]:
        """Return the agents that run, or were killed within a week; the last seen first."""
        with self._database.read() as connection:
            return agents.read_agents(connection, stream, self._now(connection))

    def leave(self, agent: str) -> None:
        """Delete the row of an agent that shuts down cleanly, and release its leases."""
        with self._database.write() as connection:
            agents.remove_agent(connection, agent)

    # Windows and rates

    def windows(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
    ) -> list[WindowRecord]:
        """Return windows that start after *after* and before *until*, by start, segment, layer."""
        with self._database.read() as connection:
            return windows.read_windows(
                connection, stream, detector, after=after, until=until, segments=segments
            )

    def rates(
        self,
        stream: str,
        *,
        period: Period = "hour",
        segment: str | None = None,
        layer: str | None = "*",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[RateRow]:
        """Return OOD rates at the stream's alpha in order of time.

        Args:
            stream: its name.
            period: UTC minutes, hours or days, or the windows as counted.
            segment: None for all.
            layer: ``*`` for the combined p-value, None for all.
            since: the period that holds this moment is the first.
            until: periods that start from this moment on are left out.
            limit: keep only this many rows, the newest.
        """
        with self._database.read() as connection:
            return windows.read_rates(
                connection,
                stream,
                period=period,
                segment=segment,
                layer=layer,
                since=since,
                until=until,
                limit=limit,
            )

    @contextmanager
    def read_view(
        self,
        view: str,
        stream: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        batch_rows: int,
    ) -> Iterator[tuple[int, Iterator[Sequence[Sequence[Any]]]]]:
        """Give how many rows one of the views `EXPORTED` has of *stream*, and the rows in batches.

        The rows are in no order. They are of one transaction, which lasts as long as the context.
        """
        with self._database.read() as connection:
            total = export.count_view(connection, view, stream, since=since, until=until)
            yield (
                total,
                export.read_view(
                    connection, view, stream, since=since, until=until, batch_rows=batch_rows
                ),
            )

    def p_value_counts(
        self, stream: str, *, period: Period, segment: str, since: datetime | None = None
    ) -> list[tuple[datetime, tuple[int, ...]]]:
        """Return each period's combined p-values, ``N_BINS`` counts, in order of time."""
        with self._database.read() as connection:
            return windows.read_p_value_counts(
                connection, stream, period=period, segment=segment, since=since
            )

    def segments(self, stream: str) -> dict[str, datetime]:
        """Return every segment that was ever counted, by name, with the start of its newest window.

        It is quick, however long the history.
        """
        with self._database.read() as connection:
            return windows.read_segments(connection, stream)

    def event_counts(self, stream: str) -> dict[str, int]:
        """Return how many events each segment counted."""
        with self._database.read() as connection:
            return windows.event_counts(connection, stream)

    def summaries(self, stream: str) -> list[ScoreSummary]:
        """Return the latest running statistics of each layer's scores."""
        with self._database.read() as connection:
            return windows.read_summaries(connection, stream)

    # The monitor and its alerts

    def monitor_state(self, stream: str, detector: str | None = None) -> MonitorState | None:
        """Return how far the monitor has come, None before its first turn.

        Args:
            stream: its name.
            detector: with whose windows; None for the detector with which it is furthest.
        """
        with self._database.read() as connection:
            return alerts.read_monitor_state(connection, stream, detector)

    def baseline_revisions(self, stream: str, detector: str) -> dict[str, int]:
        """Return the revision of each segment's baseline: what changes when it is replaced."""
        with self._database.read() as connection:
            return segment_state.read_baseline_revisions(connection, stream, detector)

    def baselines(
        self, stream: str, detector: str, *, with_reference: bool = False
    ) -> list[SegmentBaseline]:
        """Return what is normal in each segment, by name; reference windows only if asked for."""
        with self._database.read() as connection:
            return segment_state.read_baselines(
                connection, stream, detector, with_reference=with_reference
            )

    def write_baselines(
        self, stream: str, detector: str, baselines: Sequence[SegmentBaseline]
    ) -> None:
        """Store baselines; evidence against one that is replaced counts for nothing from then on."""
        with self._database.write() as connection:
            now = self._now(connection)
            segment_state.write_baselines(connection, stream, detector, baselines, now)

    def segment_states(
        self, stream: str, detector: str, *, test: str | None = None
    ) -> list[SegmentStateRow]:
        """Return what the monitor keeps of each segment: of one *test*, or of all."""
        with self._database.read() as connection:
            return segment_state.read_states(connection, stream, detector, test=test)

    def claim_windows(
        self,
        stream: str,
        detector: str,
        *,
        window_seconds: int,
        idle_seconds: float,
        grace_seconds: float,
        most: int | None = None,
    ) -> Claim:
        """Take the windows of each segment that have closed, and what came late to judged ones.

        Whatever is counted for them from now on is late. `judge` must follow, with the claim: what
        was claimed and not judged is claimed again.

        Args:
            stream: its name.
            detector: whose windows.
            window_seconds: a window's length.
            idle_seconds: a segment that brought nothing for so long, by the database's clock, is
                not waited for.
            grace_seconds: of event time, waited for late events.
            most: windows to take, of all segments together; None for all. At least one of each.
        """
        with self._database.write() as connection:
            return progress.claim_windows(
                connection,
                stream,
                detector,
                window=timedelta(seconds=window_seconds),
                idle=timedelta(seconds=idle_seconds),
                grace=timedelta(seconds=grace_seconds),
                now=self._now(connection),
                most=most,
            )

    def segment_progress(self, stream: str, detector: str) -> list[SegmentProgress]:
        """Return how far each segment has come, by name."""
        with self._database.read() as connection:
            return progress.read_progress(connection, stream, detector)

    def waiting_seconds(self, stream: str, detector: str) -> float | None:
        """Return how long the oldest count has waited to be judged, by the database's clock.

        None where none waits. While windows are judged in time it is a window's length, the grace and
        the monitor's interval at most; for an idle segment, the idle time more.
        """
        with self._database.read() as connection:
            return progress.waiting_seconds(connection, stream, detector, self._now(connection))

    def judge(self, judgement: Judgement) -> list[AlertRecord]:
        """Move the cursor and write alerts in one transaction; return the alerts as stored.

        A state never goes back: an alert that a person acknowledged or resolved stays so.

        Raises:
            RecordConflict: the cursor is not *previous_cursor*, the claim is not the last one, or a new alert's segment and test
                have a live one already; nothing was written.
        """
        with self._database.write() as connection:
            return alerts.write_judgement(connection, judgement, self._now(connection))

    def alerts(
        self,
        stream: str | None = None,
        *,
        states: Collection[str] | None = None,
        segment: str | None = None,
        ids: Collection[int] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[AlertRecord]:
        """Return the alerts that fit, newest first; opened from *since*, before *until*."""
        with self._database.read() as connection:
            return alerts.read_alerts(
                connection,
                stream=stream,
                states=states,
                segment=segment,
                ids=ids,
                since=since,
                until=until,
                limit=limit,
            )

    def count_alerts(
        self,
        stream: str | None = None,
        *,
        states: Collection[str] | None = None,
        segment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Return how many alerts fit."""
        with self._database.read() as connection:
            return alerts.count_alerts(
                connection, stream=stream, states=states, segment=segment, since=since, until=until
            )

    def continuable_alerts(
        self, stream: str, detector: str, *, refreshed_since: datetime
    ) -> list[AlertRecord]:
        """Return alerts that the monitor itself ended, last raised since then; the oldest first."""
        with self._database.read() as connection:
            return alerts.read_continuable(
                connection, stream, detector, refreshed_since=refreshed_since
            )

    def accepted_alerts(self, stream: str, detector: str) -> list[AlertRecord]:
        """Return the alerts of which a person said that the change is normal, the oldest first."""
        with self._database.read() as connection:
            return verdicts.read_accepted(connection, stream, detector)

    def alert(self, alert_id: int) -> AlertRecord | None:
        """Return one alert."""
        with self._database.read() as connection:
            return alerts.read_alert(connection, alert_id)

    def transition_alert(
        self, alert_id: int, state: str, *, at: datetime, by: str, note: str = ""
    ) -> AlertRecord:
        """Acknowledge or resolve an alert; raise RecordConflict if it is unknown or beyond that."""
        with self._database.write() as connection:
            return alerts.transition_alerts(connection, [alert_id], state, at=at, by=by, note=note)[
                0
            ]

    def transition_alerts(
        self, numbers: Sequence[int], state: str, *, at: datetime, by: str, note: str = ""
    ) -> list[AlertRecord]:
        """Acknowledge or resolve alerts, all or none; raise RecordConflict as for one."""
        with self._database.write() as connection:
            return alerts.transition_alerts(connection, numbers, state, at=at, by=by, note=note)

    def note_on_alert(self, alert_id: int, *, at: datetime, by: str, note: str) -> AlertRecord:
        """Keep a person's note on an alert; raise RecordConflict if it is unknown."""
        with self._database.write() as connection:
            return alerts.note_on_alert(connection, alert_id, at=at, by=by, note=note)

    def give_verdict(
        self, alert_id: int, verdict: str, *, at: datetime, by: str, note: str = ""
    ) -> AlertRecord:
        """Resolve an alert as ``real``, ``false`` or ``accepted``; of an ended one change the verdict."""
        with self._database.write() as connection:
            return verdicts.give_verdicts(connection, [alert_id], verdict, at=at, by=by, note=note)[
                0
            ]

    def give_verdicts(
        self, numbers: Sequence[int], verdict: str, *, at: datetime, by: str, note: str = ""
    ) -> list[AlertRecord]:
        """Give the verdict on alerts, all or none; see `give_verdict`."""
        with self._database.write() as connection:
            return verdicts.give_verdicts(connection, numbers, verdict, at=at, by=by, note=note)

    # Mutes

    def mute(
        self,
        stream: str,
        segment: str | None,
        *,
        lasts: timedelta | None,
        by: str,
        why: str,
    ) -> MuteRecord:
        """Tell nobody of a segment's alerts; they are counted and kept as ever.

        Args:
            stream: its name.
            segment: a name, ``camera=*`` for all of a kind, None for every segment.
            lasts: by the database's clock; None until `unmute`.
            by: who says so.
            why: what they write.
        """
        with self._database.write() as connection:
            now = self._now(connection)
            expires_at = None if lasts is None else now + lasts
            return mutes.add_mute(
                connection, stream, segment, at=now, expires_at=expires_at, by=by, why=why
            )

    def unmute(
        self, stream: str, segments: Collection[str | None] | None, *, by: str
    ) -> list[MuteRecord]:
        """End the mutes of these segments, None for all there are; return those that held."""
        with self._database.write() as connection:
            now = self._now(connection)
            return mutes.lift_mutes(connection, stream, segments, at=now, by=by)

    def mutes(self, stream: str) -> list[MuteRecord]:
        """Return the mutes that hold now."""
        with self._database.read() as connection:
            return read_mutes(connection, stream, self._now(connection))

    # Incidents

    def incidents(
        self,
        stream: str,
        *,
        states: Collection[str] | None = None,
        ids: Collection[int] | None = None,
        limit: int | None = None,
    ) -> list[IncidentRecord]:
        """Return incidents, newest first."""
        with self._database.read() as connection:
            return incidents.read_incidents(connection, stream, states=states, ids=ids, limit=limit)

    def incident_steps(self, number: int) -> list[IncidentStep]:
        """Return the steps in an incident's life in order: what receivers are told."""
        with self._database.read() as connection:
            return incidents.read_incident_steps(connection, number)

    def verdict_counts(self, stream: str) -> list[VerdictCount]:
        """Return how often each test's alerts were right, by the word of people."""
        with self._database.read() as connection:
            return verdicts.count_verdicts(connection, stream)

    def transitions(self, alert_id: int) -> list[AlertTransition]:
        """Return the steps in an alert's life in order."""
        with self._database.read() as connection:
            return alerts.read_transitions(connection, alert_id)

    # Silence

    def arrivals(self, stream: str) -> ArrivalsRead:
        """Return what each segment sent so far, by the database's clock alone."""
        with self._database.read() as connection:
            return arrival_patterns.read_arrivals(connection, stream, self._now(connection))

    def arrival_patterns(self, stream: str) -> dict[str, bytes]:
        """Return what is known of each segment's arrivals, as `write_look` was given it."""
        with self._database.read() as connection:
            return arrival_patterns.read_arrival_patterns(connection, stream)

    def write_look(self, look: ArrivalsLook) -> list[AlertRecord]:
        """Write patterns and alerts of silence in one transaction; return the alerts as stored.

        Raises:
            RecordConflict: another agent has looked since *look* was read; nothing was written.
        """
        with self._database.write() as connection:
            return arrival_patterns.write_look(connection, look)

    # Deliveries of alerts

    def queue_notifications(self, stream: str, sinks: Collection[str]) -> None:
        """Queue for each sink every step of the stream's alerts that it has not received yet."""
        with self._database.write() as connection:
            mutes.expire_mutes(connection, stream, self._now(connection))
            notifications.queue_notifications(
                connection, stream, sorted(sinks), self._now(connection)
            )

    def pending_notifications(
        self, stream: str, sink: str, *, limit: int = 100
    ) -> list[Notification]:
        """Return what waits for *sink*, oldest first."""
        with self._database.read() as connection:
            return notifications.read_pending(connection, stream, sink, limit=limit)

    def finish_notifications(self, ids: Collection[int], state: str, *, error: str = "") -> None:
        """Note that these are ``sent``, ``skipped`` or ``dead``."""
        with self._database.write() as connection:
            notifications.finish_notifications(
                connection, ids, state, now=self._now(connection), error=error
            )

    def note_attempts(self, ids: Collection[int], error: str) -> list[NotificationAttempts]:
        """Note an attempt at these that failed; return how often and how long each was tried."""
        with self._database.write() as connection:
            return notifications.note_attempts(connection, ids, error, self._now(connection))

    def told_alerts(self, stream: str, sink: str, alerts: Collection[int]) -> set[int]:
        """Return which of *alerts* the sink was sent anything about."""
        with self._database.read() as connection:
            return notifications.read_told(connection, stream, sink, alerts)

    def notification_counts(
        self, stream: str, states: Collection[str] = notifications.NOTIFICATION_STATES
    ) -> list[NotificationCount]:
        """Return how many notifications there are by sink and state."""
        with self._database.read() as connection:
            return notifications.count_notifications(connection, stream, states)

    def digest_at(self, stream: str, sink: str) -> datetime | None:
        """Return when *sink* was last sent a digest; None before it is noted first."""
        with self._database.read() as connection:
            return notifications.read_digest_at(connection, stream, sink)

    def note_digest(self, stream: str, sink: str, at: datetime) -> None:
        """Note when *sink*, which `queue_notifications` has registered, was sent a digest."""
        with self._database.write() as connection:
            notifications.note_digest(connection, stream, sink, at)

    # Detectors

    def register_detector(self, record: DetectorRecord) -> None:
        """Insert or update a version; an active one takes over from the one before it."""
        with self._database.write() as connection:
            detectors.register_detector(connection, record)

    def active_detector(self, stream: str) -> DetectorRecord | None:
        """Return the version that scores the stream now."""
        with self._database.read() as connection:
            return detectors.read_active(connection, stream)

    def detectors(self, stream: str) -> list[DetectorRecord]:
        """Return the stream's versions, newest first."""
        with self._database.read() as connection:
            return detectors.read_detectors(connection, stream)

    # Leases

    def acquire_lease(self, name: str, holder: str, *, ttl_seconds: float) -> bool:
        """Take or renew a lease by the database's clock; return whether *holder* holds it."""
        with self._database.write() as connection:
            now = self._now(connection)
            return leases.acquire_lease(connection, name, holder, ttl_seconds=ttl_seconds, now=now)

    def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back; another's stays."""
        with self._database.write() as connection:
            leases.release_lease(connection, name, holder)

    # Evidence

    def evidence(
        self,
        stream: str,
        *,
        segment: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> list[EvidenceRecord]:
        """Return events kept from [*since*, *until*): lowest p first, typical ones newest."""
        with self._database.read() as connection:
            return evidence.read_evidence(
                connection,
                stream,
                segment=segment,
                kind=kind,
                since=since,
                until=until,
                limit=limit,
            )

    @property
    def upkeep(self) -> Upkeep:
        """What keeps the history quick and small."""
        return Upkeep(self._database, self._now)

    def _now(self, connection: Connection) -> datetime:
        return self._clock() if self._clock else database_now(connection)
