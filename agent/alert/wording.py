"""An alert in words: what changed, since when, from what to what, and what that suggests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .fault_claim import FaultClaim
from .movement import NOTABLE, PICTURE, LayerMovement

NOTABLE_RATIO = 2.0
LEAST_RATE = 0.01
"""The text describes a change by its rate only if that is `NOTABLE_RATIO` times normal, and times this."""

CLEARLY = 1.5
"""A depth is named where its largest movement is this many times that of any other depth."""

SUGGESTIONS = {
    "picture": "which suggests a change of light, focus, noise or compression",
    "early": "which suggests a change of lens, focus, light or exposure",
    "middle": "which suggests a change of sharpness, texture or parts of the scene",
    "late": "which suggests a change of the images' content",
}


def alert_message(
    *,
    segment: str,
    since: datetime,
    rate_now: float,
    rate_normal: float,
    movements: Sequence[LayerMovement],
    is_stuck: bool,
    claim: FaultClaim | None = None,
) -> str:
    """Return the claim in one sentence.

    Where *claim* names a fault, or says that it is none that is known, the layers suggest none.

    Example:
        >>> from datetime import UTC
        >>> alert_message(
        ...     segment="camera=3",
        ...     since=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        ...     rate_now=0.41,
        ...     rate_normal=0.008,
        ...     movements=[LayerMovement("layer1", "early", 21.0, 2.1, 0.8)],
        ...     is_stuck=False,
        ... )
        'camera 3 changed at about 2026-05-04 03:02:01 UTC: 41.0 % of images are out of \
distribution, normally 0.8 %; the early layers changed most (layer1), which suggests a change of \
lens, focus, light or exposure'
    """
    now, normal = percent(rate_now), percent(rate_normal)
    if rate_now > NOTABLE_RATIO * max(rate_normal, LEAST_RATE):
        rates = f"{now} of images are out of distribution, normally {normal}"
    else:
        rates = (
            f"scores differ from this segment's baseline, although only {now} of images are out of "
            f"distribution, normally {normal}"
        )
    start = f"{subject(segment)} changed at about {since:%Y-%m-%d %H:%M:%S} UTC"
    parts = [rates, _cause(movements, is_stuck=is_stuck, suggests=claim is None or not claim.told)]
    return f"{start}: {'; '.join([*parts, *([claim.told] if claim and claim.told else [])])}"


def subject(segment: str) -> str:
    """Return how a person would call a segment.

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


def _cause(movements: Sequence[LayerMovement], *, is_stuck: bool, suggests: bool) -> str:
    if is_stuck:
        return "all images have the same score, which suggests a frozen picture"
    changed = [layer for layer in movements if abs(layer.distance) >= NOTABLE]
    if not changed:
        return "the change is spread over all layers, and no single layer changed clearly"
    unusual = [layer for layer in changed if layer.direction == "unusual"]
    if not unusual:
        return f"scores are lower than normal{_leader(changed)}: the images have become more alike"
    depth = unusual[0].depth
    others = [abs(layer.size) for layer in movements if layer.depth != depth]
    if unusual[0].size < CLEARLY * max(others, default=0.0):
        return "layers of all depths changed about equally, which does not suggest a single cause"
    ahead = CLEARLY * max(others, default=0.0)
    named = [layer for layer in unusual if layer.depth == depth and layer.size >= ahead]
    what = "the picture's own statistics" if depth == PICTURE else f"the {depth} layers"
    changed_most = f"{what} changed most ({_names(named)})"
    return f"{changed_most}, {SUGGESTIONS[depth]}" if suggests else changed_most


def _leader(changed: Sequence[LayerMovement]) -> str:
    """Return the layer that changed most, in brackets; nothing where another is close."""
    first, *others = changed
    is_ahead = all(abs(first.size) >= CLEARLY * abs(other.size) for other in others)
    return f" ({first.layer})" if is_ahead else ""


def _names(movements: Sequence[LayerMovement]) -> str:
    return ", ".join(layer.layer for layer in movements)
