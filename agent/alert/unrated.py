"""A new alert that stands on no rate: of a segment that sends too little, or of a detector that does not fit."""

from __future__ import annotations

from datetime import datetime

from driftgauge.storage import AlertRecord


def unrated_alert(
    segment: str,
    since: datetime,
    at: datetime,
    *,
    stream: str,
    test: str,
    detector: str,
    severity: str,
    message: str,
) -> AlertRecord:
    """Return the record, open, with no events and no layers.

    Args:
        since: when what it claims began.
        at: now, by the database's clock.
        test: one of the storage's `UNRATED`.
    """
    return AlertRecord(
        id=None,
        stream=stream,
        segment=segment,
        test=test,
        detector=detector,
        state="open",
        severity=severity,
        opened_at=at,
        since=since,
        window_start=since,
        refreshed_at=at,
        resolved_at=None,
        rate_now=0.0,
        rate_normal=0.0,
        events=0,
        layers=[],
        message=message,
    )
