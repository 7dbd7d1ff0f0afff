"""The alert of a segment that has fallen silent: its record and its words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from driftgauge.storage import POOL, SILENCE, AlertRecord

from .wording import subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One segment's silence.

    Attributes:
        since: when an event of it was last counted, by the database's clock.
        at: now, by the same clock.
        longest: of its pauses before, those that recur by the hour of the week taken out.
    """

    segment: str
    since: datetime
    at: datetime
    longest: timedelta


def silence_alert(silence: Silence, *, stream: str, detector: str) -> AlertRecord:
    """Return a new alert."""
    return AlertRecord(
        id=None,
        stream=stream,
        segment=silence.segment,
        test=SILENCE,
        detector=detector,
        state="open",
        severity="critical" if silence.segment == POOL else "warning",
        opened_at=silence.at,
        since=silence.since,
        window_start=silence.since,
        refreshed_at=silence.at,
        resolved_at=None,
        rate_now=0.0,
        rate_normal=0.0,
        events=0,
        layers=[],
        message=silence_message(silence),
    )


def silence_message(silence: Silence) -> str:
    """Return the claim in one sentence.

    Example:
        >>> from datetime import UTC
        >>> begun = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
        >>> silence_message(
        ...     Silence(
        ...         segment="camera=3",
        ...         since=begun,
        ...         at=begun + timedelta(minutes=25),
        ...         longest=timedelta(minutes=4),
        ...     )
        ... )
        'camera 3 has fallen silent: no image of it was counted since 2026-05-04 03:02:01 UTC, for 25 \
minutes; the longest pause before, at these hours, was 4 minutes'
    """
    return (
        f"{subject(silence.segment)} has fallen silent: no image of it was counted since "
        f"{silence.since:%Y-%m-%d %H:%M:%S} UTC, for {_span(silence.at - silence.since)}; "
        f"the longest pause before, at these hours, was {_span(silence.longest)}"
    )


def _span(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= 2 * size:
            return f"{minutes / size:.3g} {unit}s"
    if minutes < 1:
        return "less than a minute"
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
