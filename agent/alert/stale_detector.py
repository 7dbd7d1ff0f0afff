"""The alert of a stream whose detector was fitted for another model than the one that runs: its record. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from driftgauge.storage import POOL, STALE, AlertRecord

from .unrated import unrated_alert


def stale_alert(*, stream: str, detector: str, why: str, at: datetime) -> AlertRecord:
    """Return a new alert.

    Args:
        why: how the models differ, in words.
        at: now, by the database's clock.
    """
    return unrated_alert(
        POOL,
        at,
        at,
        stream=stream,
        test=STALE,
        detector=detector,
        severity="critical",
        message=(
            f"since {at:%Y-%m-%d %H:%M:%S} UTC images are not scored, and no change is noticed: {why}. "
            "Fit a detector for the model that runs now (driftgauge fit), or run the one before"
        ),
    )


def ended(alert: AlertRecord, at: datetime) -> AlertRecord:
    """Return the alert as it is once images are scored again."""
    return replace(alert, state="resolved", resolved_at=at)
