"""The alert of a stream whose detector was fitted for another model than the one that runs: its record. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from driftgauge.storage import POOL, STALE, AlertRecord

from .unrated import unrated_alert

_BY_ITSELF = (
    "Taps of the model that runs now are kept, and its first detector is fitted from them by itself "
    "(retrain.fit_on_new_model; driftgauge status says how far that is). It is sooner with driftgauge fit, "
    "or with the model before"
)
_BY_A_PERSON = "Fit a detector for the model that runs now (driftgauge fit), or run the one before"


def stale_alert(
    *, stream: str, detector: str, why: str, at: datetime, fits_itself: bool = False
) -> AlertRecord:
    """Return a new alert.

    Args:
        why: how the models differ, in words.
        at: now, by the database's clock.
        fits_itself: a first detector for the new model is fitted without a person.
    """
    what_to_do = _BY_ITSELF if fits_itself else _BY_A_PERSON
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
            f"{what_to_do}"
        ),
    )


def ended(alert: AlertRecord, at: datetime, detector: str) -> AlertRecord:
    """Return the alert as it is once images are scored again, by *detector*."""
    words = (
        f"images are scored again since {at:%Y-%m-%d %H:%M} UTC: detector {detector} fits the model that "
        f"runs. Until then {alert.message}"
    )
    return replace(alert, state="resolved", resolved_at=at, message=words)
