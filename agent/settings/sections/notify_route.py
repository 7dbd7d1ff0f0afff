"""One of ``[[notify.routes]]``: which alerts some receivers get."""

from __future__ import annotations

from typing import Literal

from ..section import QuietHoursText, Section, Words

Severity = Literal["info", "warning", "critical"]


class NotifyRoute(Section):
    """Which alerts some receivers get, and when. ``None`` takes what the section notify says."""

    sinks: Words = ("*",)
    """Receivers by name or by kind, such as "slack" or "webhook"; "*" stands for any characters."""
    segments: Words = ("*",)
    """Segments, such as "camera=3" or "site=north*"."""
    tests: Words = ("*",)
    """Drift tests."""
    min_severity: Severity | None = None
    """The lowest severity that is sent."""
    quiet_hours: QuietHoursText | None = None
    """Quiet hours of these receivers; "" for none."""
