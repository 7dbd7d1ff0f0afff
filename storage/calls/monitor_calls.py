"""The store's calls: the monitor's turns, and what is normal in each segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from .. import claims, judgements, progress, segment_state
from ..alert_records import AlertRecord
from ..judgement_records import Claim, Judgement, MonitorState, SegmentProgress
from ..segment_records import SegmentBaseline, SegmentStateRow
from .connected import Connected


class MonitorCalls(Connected):
    """Calls on the monitor's turns, and what is normal in each segment; see `Store`."""

    def monitor_state(self, stream: str, detector: str | None = None) -> MonitorState | None:
        """Return how far the monitor has come, None before its first turn.

        Args:
            stream: its name.
            detector: with whose windows; None for the detector with which it is furthest.
        """
        with self._database.read() as connection:
            return judgements.read_monitor_state(connection, stream, detector)

    def baseline_revisions(self, stream: str, detector: str) -> dict[str, int]:
        """Return the revision of each segment's baseline: what changes when it is replaced."""
        with self._database.read() as connection:
            return segment_state.read_baseline_revisions(connection, stream, detector)

    def baselines(
        self,
        stream: str,
        detector: str,
        *,
        with_reference: bool = False,
        segment: str | None = None,
    ) -> list[SegmentBaseline]:
        """Return what is normal in each segment, or in one; reference windows only if asked for."""
        with self._database.read() as connection:
            return segment_state.read_baselines(
                connection, stream, detector, with_reference=with_reference, segment=segment
            )

    def write_baselines(
        self, stream: str, detector: str, baselines: Sequence[SegmentBaseline]
    ) -> None:
        """Store baselines; evidence against one that is replaced counts for nothing from then on."""
        with self._database.write() as connection:
            now = self._now(connection)
            segment_state.write_baselines(connection, stream, detector, baselines, now)

    def baselines_without_power(
        self, stream: str, detector: str, *, limit: int
    ) -> list[SegmentBaseline]:
        """Return some baselines whose power was not measured yet, the oldest first."""
        with self._database.read() as connection:
            return segment_state.read_baselines_without_power(
                connection, stream, detector, limit=limit
            )

    def write_power(
        self, stream: str, detector: str, power: Mapping[str, tuple[int, bytes]]
    ) -> None:
        """Store by segment the power of a revision of its baseline, of which evidence stays."""
        with self._database.write() as connection:
            segment_state.write_power(connection, stream, detector, power)

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
            return claims.claim_windows(
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
            return judgements.write_judgement(connection, judgement, self._now(connection))
