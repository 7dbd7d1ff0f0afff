"""One message about several steps: what came in quiet hours, or more than the limit lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from driftgauge.storage import SEVERITIES

from ..alert.wording import subject
from .notice import Notice

SummaryKind = Literal["quiet_hours", "rate_limit", "digest"]
MAX_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Several steps of one or more alerts in one message.

    Attributes:
        key: the same for every attempt to send these steps to this sink.
        kind: why they come together.
        title: the subject line.
        text: the body, for chat and mail; names at most `MAX_LINES` alerts and how many more.
        severity: the highest of its alerts.
        notices: the steps, in order.
    """

    key: str
    kind: SummaryKind
    at: datetime
    stream: str
    title: str
    text: str
    severity: str
    notices: Sequence[Notice] = ()

    def values(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "key": self.key,
            "kind": self.kind,
            "at": self.at.isoformat(),
            "stream": self.stream,
            "severity": self.severity,
            "title": self.title,
            "text": self.text,
            "steps": [notice.values() for notice in self.notices],
        }


def summary_of(
    notices: Sequence[Notice], *, key: str, kind: SummaryKind, at: datetime, reason: str
) -> Summary:
    """Return one message about *notices*, which are not empty; *reason* says why they wait."""
    by_alert: dict[int | None, list[Notice]] = {}
    for notice in notices:
        by_alert.setdefault(notice.alert.id, []).append(notice)
    severity = max((notice.alert.severity for notice in notices), key=SEVERITIES.index)
    stream, n = notices[0].alert.stream, len(by_alert)
    more = "more " if kind == "rate_limit" else ""
    lines = [_line(steps) for steps in by_alert.values()]
    return Summary(
        key=key,
        kind=kind,
        at=at,
        stream=stream,
        title=f"[{severity}] {stream}: {n} {more}drift alert{'' if n == 1 else 's'}",
        text="\n".join([reason, *shortened(lines)]),
        severity=severity,
        notices=notices,
    )


def shortened(lines: Sequence[str], most: int = MAX_LINES) -> list[str]:
    """Return at most *most* lines; the last says how many more there are.

    >>> shortened(["a", "b", "c"], 2)
    ['a', 'and 2 more: driftgauge alerts list --all']
    """
    if len(lines) <= most:
        return list(lines)
    left_out = len(lines) - most + 1
    return [*lines[: most - 1], f"and {left_out} more: driftgauge alerts list --all"]


def _line(steps: Sequence[Notice]) -> str:
    alert = steps[-1].alert
    what = ", ".join(f"{step.kind} {step.at:%Y-%m-%d %H:%M} UTC" for step in steps)
    return f"- {subject(alert.segment)}, alert {alert.id} ({what}): {steps[-1].message}"
