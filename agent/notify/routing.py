"""Which sink gets which alert, and whether now or at the end of the quiet hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from driftgauge.storage import SEVERITIES, AlertRecord

from ..errors import SettingsError
from ..settings.quiet_hours import QuietHours, parse_quiet_hours
from ..settings.sections import NotifySection
from ..settings.sections.notify_route import NotifyRoute


class Routing:
    """The routes of the settings, for sinks by name.

    Raises:
        SettingsError: a route names no sink that exists.
    """

    def __init__(self, settings: NotifySection, sinks: Sequence[str]) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.time_zone)
        self._routes = {sink: _routes_of(settings, sink) for sink in sinks}
        for number, route in enumerate(settings.routes):
            for pattern in route.sinks:
                if not any(is_named(sink, pattern) for sink in sinks):
                    raise SettingsError(
                        f"notify.routes[{number}].sinks: {pattern!r} is no receiver; "
                        f"the settings have {', '.join(sinks) or 'none'}",
                        hint="`driftgauge notify test` prints the names of the receivers",
                    )

    def is_wanted(self, sink: str, alert: AlertRecord) -> bool:
        """Return whether *sink* gets the alert as it is now."""
        return bool(self._matching(sink, alert))

    def is_quiet(self, sink: str, alert: AlertRecord, at: datetime) -> bool:
        """Return whether *at* the alert has to wait, on every route that it takes."""
        if SEVERITIES.index(alert.severity) > SEVERITIES.index(self._settings.quiet_severity):
            return False
        local = at.astimezone(self._zone).time()
        hours = [self._hours(route) for route in self._matching(sink, alert)]
        return bool(hours) and all(one is not None and one.has(local) for one in hours)

    def _matching(self, sink: str, alert: AlertRecord) -> list[NotifyRoute]:
        return [route for route in self._routes[sink] if self._takes(route, alert)]

    def _takes(self, route: NotifyRoute, alert: AlertRecord) -> bool:
        wanted = route.min_severity or self._settings.min_severity
        return (
            SEVERITIES.index(alert.severity) >= SEVERITIES.index(wanted)
            and _fits(alert.segment, route.segments)
            and _fits(alert.test, route.tests)
        )

    def _hours(self, route: NotifyRoute) -> QuietHours | None:
        text = self._settings.quiet_hours if route.quiet_hours is None else route.quiet_hours
        return parse_quiet_hours(text)


def _routes_of(settings: NotifySection, sink: str) -> list[NotifyRoute]:
    named = [
        route
        for route in settings.routes
        if any(is_named(sink, pattern) for pattern in route.sinks)
    ]
    return named or [NotifyRoute()]


def is_named(sink: str, pattern: str) -> bool:
    """Return whether *pattern* names a sink, as ``slack`` names ``slack-1a2b3c``."""
    return fnmatchcase(sink, pattern) or fnmatchcase(sink.rpartition("-")[0] or sink, pattern)


def _fits(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
