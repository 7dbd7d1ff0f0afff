"""The alert of taps that a serving process sends and the active detector cannot score: its record. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from driftgauge.storage import POOL, SENT_TAPS, AlertRecord

from .unrated import unrated_alert


def sent_taps_alert(*, stream: str, detector: str, why: str, at: datetime) -> AlertRecord:
    """Return a new alert.

    Args:
        why: how the taps differ from those that the detector scores, and what to do, in words.
        at: now, by the database's clock.
    """
    return unrated_alert(
        POOL,
        at,
        at,
        stream=stream,
        test=SENT_TAPS,
        detector=detector,
        severity="critical",
        message=(
            "taps that a serving process sends are not scored, and no change is noticed in its images: "
            f"{why}"
        ),
    )


def ended(alert: AlertRecord, at: datetime, detector: str) -> AlertRecord:
    """Return the alert as it is once taps are scored again, by *detector*."""
    words = (
        f"the taps that are sent are scored again by detector {detector}, at {at:%Y-%m-%d %H:%M} UTC at the "
        f"latest. Until then {alert.message}"
    )
    return replace(alert, state="resolved", resolved_at=at, message=words)
