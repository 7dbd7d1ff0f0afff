"""The database as a replay sees it: read as it is, and what judging would write kept in memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from driftgauge.storage import (
    ENDED_STATES,
    WHOLE_SEGMENT,
    AlertRecord,
    HistogramRows,
    SegmentBaseline,
    SegmentProgress,
    SegmentStateRow,
)


class ReadStore(Protocol):
    """The database, as far as a replay reads it."""

    def histograms(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
    ) -> HistogramRows:
        """Return the histograms of windows in order of start."""

    def baselines(
        self,
        stream: str,
        detector: str,
        *,
        with_reference: bool = False,
        segment: str | None = None,
    ) -> list[SegmentBaseline]:
        """Return what is normal in each segment."""

    def segment_states(
        self, stream: str, detector: str, *, test: str | None = None
    ) -> list[SegmentStateRow]:
        """Return what is kept of each segment."""

    def segment_progress(self, stream: str, detector: str) -> list[SegmentProgress]:
        """Return how far each segment has come."""


class ReplayStore:
    """What `Judging` needs, without a write: evidence and alerts begin with the replay.

    Args:
        store: the database.
    """

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._baselines: dict[str, SegmentBaseline] | None = None
        self._alerts: dict[tuple[str, str, datetime], AlertRecord] = {}

    @property
    def kept(self) -> list[AlertRecord]:
        """Every alert of the replay as it is at its end, the oldest first."""
        return list(self._alerts.values())

    def keep(self, alerts: Sequence[AlertRecord]) -> None:
        """Take what judging changed, as the database would store it."""
        for alert in alerts:
            key = (alert.segment, alert.test, alert.window_start)
            known = self._alerts.get(key)
            number = known.id if known else len(self._alerts) + 1
            self._alerts[key] = replace(alert, id=number)

    def histograms(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
    ) -> HistogramRows:
        """Return the histograms of windows in order of start."""
        return self._store.histograms(stream, detector, after=after, until=until, segments=segments)

    def alerts(
        self, stream: str | None = None, *, states: Collection[str] | None = None
    ) -> list[AlertRecord]:
        """Return the replay's alerts, newest first."""
        return [row for row in reversed(self.kept) if states is None or row.state in states]

    def continuable_alerts(
        self, stream: str, detector: str, *, refreshed_since: datetime
    ) -> list[AlertRecord]:
        """Return the replay's alerts that have ended, last raised since then; the oldest first."""
        ended = [alert for alert in self.kept if alert.state in ENDED_STATES]
        return [alert for alert in ended if alert.refreshed_at >= refreshed_since]

    def baseline_revisions(self, stream: str, detector: str) -> dict[str, int]:
        """Return the revision of each segment's baseline."""
        return {row.segment: row.revision for row in self.baselines(stream, detector)}

    def baselines(
        self,
        stream: str,
        detector: str,
        *,
        with_reference: bool = False,
        segment: str | None = None,
    ) -> list[SegmentBaseline]:
        """Return the baselines as they are now, or as the replay has measured them."""
        if with_reference:
            return self._store.baselines(stream, detector, with_reference=True, segment=segment)
        if self._baselines is None:
            stored = self._store.baselines(stream, detector)
            self._baselines = {row.segment: row for row in stored}
        rows = list(self._baselines.values())
        return [row for row in rows if segment in (None, row.segment)]

    def write_baselines(
        self, stream: str, detector: str, baselines: Sequence[SegmentBaseline]
    ) -> None:
        """Keep baselines that were measured for other tests."""
        known = {row.segment: row for row in self.baselines(stream, detector)}
        self._baselines = known | {row.segment: row for row in baselines}

    def segment_states(self, stream: str, detector: str) -> list[SegmentStateRow]:
        """Return since when segments are learnt that still are; no evidence."""
        found = []
        for row in self._store.segment_states(stream, detector, test=WHOLE_SEGMENT):
            lesson = json.loads(row.content).get("lesson")
            if lesson is not None and lesson["until"] is None:
                begun = {"lesson": {"begins": lesson["begins"], "until": None}}
                found.append(replace(row, content=json.dumps(begun).encode(), nearness=None))
        return found
