"""An alert in words: what changed, since when, from what to what, and what that suggests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .movement import NOTABLE, LayerMovement

NOTABLE_RATIO = 2.0
LEAST_RATE = 0.01
"""An OOD rate that is not well above normal, or this, is not what changed."""

SUGGESTIONS = {
    "early": "which suggests the lens, the focus, the light or the exposure",
    "middle": "which suggests sharpness, texture or parts of the scene",
    "late": "which suggests what the pictures show",
}


def alert_message(
    *,
    segment: str,
    since: datetime,
    rate_now: float,
    rate_normal: float,
    movements: Sequence[LayerMovement],
    is_stuck: bool,
) -> str:
    """Return the claim in one sentence.

    Example:
        >>> from datetime import UTC
        >>> alert_message(
        ...     segment="camera=3",
        ...     since=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        ...     rate_now=0.41,
        ...     rate_normal=0.008,
        ...     movements=[LayerMovement("layer1", "early", 21.0, 0.8)],
        ...     is_stuck=False,
        ... )
        'camera 3 changed at about 03:02:01 UTC: 41.0 % of images are out of distribution, \
normally 0.8 %; the early layers moved most (layer1), which suggests the lens, the focus, \
the light or the exposure'
    """
    if rate_now > NOTABLE_RATIO * max(rate_normal, LEAST_RATE):
        rates = f"{percent(rate_now)} of images are out of distribution"
    else:
        rates = (
            "images differ from this segment's own normal, though few of them are unusual for the "
            f"whole stream: {percent(rate_now)} are out of distribution"
        )
    rates += f", normally {percent(rate_normal)}"
    start = f"{subject(segment)} changed at about {since:%H:%M:%S} UTC"
    return f"{start}: {rates}; {_cause(movements, is_stuck=is_stuck)}"


def subject(segment: str) -> str:
    """Return a segment as one would say it.

    >>> subject("camera=3"), subject("*")
    ('camera 3', 'the whole stream')
    """
    return "the whole stream" if segment == "*" else segment.replace("=", " ", 1)


def percent(rate: float) -> str:
    """Return a rate as a percentage with one decimal.

    >>> percent(0.0123)
    '1.2 %'
    """
    return f"{100 * rate:.1f} %"


def severity(rate_now: float, *, is_stuck: bool) -> str:
    """Return ``info``, ``warning`` or ``critical`` from the OOD rate."""
    if rate_now >= 0.5:  # noqa: PLR2004 - every other image
        return "critical"
    return "warning" if rate_now >= 0.05 or is_stuck else "info"  # noqa: PLR2004 - one in twenty


def _cause(movements: Sequence[LayerMovement], *, is_stuck: bool) -> str:
    if is_stuck:
        return "every image scores the same, which suggests a frozen picture"
    moved = [layer for layer in movements if abs(layer.distance) >= NOTABLE]
    if not moved:
        return "the p-values spread otherwise than normal, in no layer above the others"
    if all(layer.direction == "too usual" for layer in moved):
        return f"images look more usual than normal in {_names(moved)}, as when variety is lost"
    moved = [layer for layer in moved if layer.direction == "unusual"]
    depth = moved[0].depth
    named = [layer for layer in moved if layer.depth == depth]
    return f"the {depth} layers moved most ({_names(named)}), {SUGGESTIONS[depth]}"


def _names(movements: Sequence[LayerMovement]) -> str:
    return ", ".join(layer.layer for layer in movements)
