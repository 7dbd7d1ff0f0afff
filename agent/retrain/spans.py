"""Times that are not learnt from: those of alerts, of their segment or of the whole stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driftgauge.storage import LIVE_STATES, UNRATED, AlertRecord, KeptRun

POOL = "*"
NEVER = datetime.max.replace(tzinfo=UTC)
NORMAL_VERDICTS = ("false", "accepted")


@dataclass(frozen=True, slots=True)
class Span:
    """Event time of one segment, or of all where it is ``*``.

    Attributes:
        is_real: a person found the alert to be real.
    """

    segment: str
    begin: datetime
    end: datetime
    is_real: bool = False

    def overlaps(self, run: KeptRun, length: timedelta) -> bool:
        """Return whether any part of *run* lies in it."""
        is_of_it = self.segment in (POOL, run.segment)
        return is_of_it and self.begin < run.run_start + length and run.run_start <= self.end


def alert_spans(alerts: Iterable[AlertRecord]) -> list[Span]:
    """Return the times of alerts that nobody called false or normal; a live one has no end."""
    return [
        Span(
            alert.segment,
            alert.since,
            NEVER if alert.state in LIVE_STATES else alert.refreshed_at,
            is_real=alert.verdict == "real",
        )
        for alert in alerts
        if alert.test not in UNRATED and alert.verdict not in NORMAL_VERDICTS
    ]


def runs_outside(
    runs: Iterable[KeptRun], spans: Sequence[Span], length: timedelta
) -> list[KeptRun]:
    """Return the runs that no span overlaps."""
    return [run for run in runs if not any(span.overlaps(run, length) for span in spans)]


def runs_of_real_alerts(
    runs: Iterable[KeptRun], spans: Sequence[Span], length: timedelta
) -> list[KeptRun]:
    """Return the runs that lie wholly in a real alert's time."""
    real = [span for span in spans if span.is_real]
    return [
        run
        for run in runs
        if any(
            span.segment in (POOL, run.segment)
            and span.begin <= run.run_start
            and run.run_start + length <= span.end
            for span in real
        )
    ]
