"""Which steps of an incident receivers are told: few, however many its members."""

from __future__ import annotations

from dataclasses import dataclass

from .alert_records import LIVE_STATES, SEVERITIES

_PARTIAL = 4
"""An incident of fewer members tells only its end, not that half of it is over."""


@dataclass(frozen=True, slots=True)
class Told:
    """What receivers know of an incident, as far as it decides whether they are told more."""

    state: str | None
    severity: str
    members: int
    live: int


def next_kind(before: Told, after: Told) -> str | None:
    """Return which step an incident takes that receivers are told, None where they need not know.

    >>> next_kind(Told("open", "info", 1, 1), Told("open", "info", 2, 2))
    'joined'
    >>> next_kind(Told("open", "info", 4, 4), Told("open", "info", 7, 3)) is None
    True
    """
    was_live, is_live = before.state in LIVE_STATES, after.state in LIVE_STATES
    if before.state is None:
        return "opened"
    if was_live != is_live:
        return "reopened" if is_live else after.state
    return _change_while_live(before, after) if is_live else None


def _change_while_live(before: Told, after: Told) -> str | None:
    if SEVERITIES.index(after.severity) > SEVERITIES.index(before.severity):
        return "worsened"
    if after.members >= 2 * before.members:
        return "joined"
    if after.state == "acknowledged" and before.state == "open":
        return "acknowledged"
    is_partial = before.live >= _PARTIAL and 2 * after.live <= before.live
    return "recovered" if is_partial else None
