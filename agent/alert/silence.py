"""The alert of a segment that has fallen silent, or sends much less than usual: its record and its words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from driftgauge.storage import POOL, SILENCE, AlertRecord

from .unrated import unrated_alert
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fewer:
    """One segment's lack of images.

    Attributes:
        at: now, by the database's clock.
        hours: that were looked at.
        came: images in them.
        usual: images that they usually bring.
        lowest: share of the usual amount that was the lowest before.
    """

    segment: str
    at: datetime
    hours: int
    came: int
    usual: float
    lowest: float


def silence_alert(silence: Silence, *, stream: str, detector: str) -> AlertRecord:
    """Return a new alert."""
    return unrated_alert(
        silence.segment,
        silence.since,
        silence.at,
        stream=stream,
        test=SILENCE,
        detector=detector,
        severity="critical" if silence.segment == POOL else "warning",
        message=silence_message(silence),
    )


def fewer_alert(fewer: Fewer, *, stream: str, detector: str) -> AlertRecord:
    """Return a new alert; that it has events tells it from silence."""
    alert = unrated_alert(
        fewer.segment,
        fewer.at - timedelta(hours=fewer.hours),
        fewer.at,
        stream=stream,
        test=SILENCE,
        detector=detector,
        severity="warning",
        message=fewer_message(fewer),
    )
    return replace(alert, events=max(fewer.came, 1))


def fewer_message(fewer: Fewer) -> str:
    """Return the claim in one sentence.

    Example:
        >>> from datetime import UTC
        >>> fewer_message(
        ...     Fewer(
        ...         segment="camera=3",
        ...         at=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        ...         hours=3,
        ...         came=540,
        ...         usual=2160.4,
        ...         lowest=0.91,
        ...     )
        ... )
        'camera 3 sends much less than usual: 540 images were counted in the last 3 hours until 2026-05-04 03:02:01 UTC, where 2,160 are usual at these hours (25 %); the least before was 91 %'
    """
    return (
        f"{subject(fewer.segment)} sends much less than usual: {fewer.came:,} images were counted in the "
        f"last {fewer.hours} hours until {fewer.at:%Y-%m-%d %H:%M:%S} UTC, where {fewer.usual:,.0f} are usual "
        f"at these hours ({fewer.came / fewer.usual:.0%})".replace("%)", " %)")
        + f"; the least before was {fewer.lowest:.0%}".replace("%", " %")
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
