"""The alert of a stream whose detector was fitted for another model than the one that runs: its record. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from driftgauge.storage import POOL, STALE, AlertRecord


def stale_alert(*, stream: str, detector: str, why: str, at: datetime) -> AlertRecord:
    """Return a new alert.

    Args:
        why: how the models differ, in words.
        at: now, by the database's clock.
    """
    return AlertRecord(
        id=None,
        stream=stream,
        segment=POOL,
        test=STALE,
        detector=detector,
        state="open",
        severity="critical",
        opened_at=at,
        since=at,
        window_start=at,
        refreshed_at=at,
        resolved_at=None,
        rate_now=0.0,
        rate_normal=0.0,
        events=0,
        layers=[],
        message=(
            f"images are not scored, and no change is noticed: {why}. Fit a detector for the model that runs "
            "now (driftgauge fit), or run the one before"
        ),
    )


def ended(alert: AlertRecord, at: datetime) -> AlertRecord:
    """Return the alert as it is once images are scored again."""
    return replace(alert, state="resolved", resolved_at=at)
