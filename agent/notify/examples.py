"""What a person decides by: an alert's most unusual events, and a picture of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from driftgauge.storage import UNRATED, AlertRecord, EvidenceRecord, Period, RateRow

from ..alert.picture import TimeLine, draw_alert

N_FRAMES = 4
_WINDOWS_BEFORE, _WINDOWS_SINCE = 20, 40


class ExampleStore(Protocol):
    """The database, as far as examples need it."""

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
        """Return kept events."""

    def rates(
        self,
        stream: str,
        *,
        period: Period = "hour",
        segment: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[RateRow]:
        """Return OOD rates in order of time."""


class Examples:
    """Finds an alert's examples and draws them.

    Args:
        window_seconds: of the stream.
        draws: whether a picture is wanted at all.
    """

    def __init__(self, store: ExampleStore, *, window_seconds: int, draws: bool) -> None:
        self._store = store
        self._window = timedelta(seconds=window_seconds)
        self._draws = draws

    def __call__(self, alert: AlertRecord) -> tuple[Sequence[EvidenceRecord], bytes | None]:
        """Return the most unusual events since the change, and the picture; None without frames."""
        if alert.test in UNRATED:  # there is nothing to see
            return (), None
        unusual = self._store.evidence(
            alert.stream,
            segment=alert.segment,
            kind="unusual",
            since=alert.since,
            until=self._until(alert),
            limit=N_FRAMES,
        )
        return unusual, self._picture(alert, unusual) if self._draws else None

    def _until(self, alert: AlertRecord) -> datetime:
        return alert.refreshed_at + self._window

    def _picture(self, alert: AlertRecord, unusual: Sequence[EvidenceRecord]) -> bytes | None:
        typical = self._store.evidence(
            alert.stream,
            segment=alert.segment,
            kind="typical",
            until=alert.since,
            limit=N_FRAMES,
        )
        return draw_alert(_thumbnails(unusual), _thumbnails(typical), self._time_line(alert))

    def _time_line(self, alert: AlertRecord) -> TimeLine:
        begins = alert.since - _WINDOWS_BEFORE * self._window
        rows = self._store.rates(alert.stream, period="window", segment=alert.segment, since=begins)
        shown = [row for row in rows if row.detector in alert.detectors]
        before = [row for row in shown if row.period_start < alert.since]
        since = [row for row in shown if row.period_start >= alert.since][:_WINDOWS_SINCE]
        rates = [row.ood_rate for row in [*before, *since]]
        return TimeLine(rates, changed=len(before), normal=alert.rate_normal)


def _thumbnails(events: Sequence[EvidenceRecord]) -> list[bytes]:
    return [event.thumbnail for event in events if event.thumbnail]
