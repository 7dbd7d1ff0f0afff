"""Alertmanager's own API, version 2: it groups, silences and routes.

Alertmanager ends an alert that nobody repeats, so live ones are repeated (`repeat`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from driftgauge.storage import ENDED_STATES, SEVERITIES

from ...ports import Clock
from ..alertmanager_form import alert_annotations, alert_labels, moment
from ..notice import Notice
from ..post import Poster

LIVES_FOR = timedelta(minutes=15)
"""How long Alertmanager believes in an alert that is not repeated."""


class AlertmanagerSink:
    """Posts alerts to ``URL/api/v2/alerts``."""

    name = "alertmanager"
    is_for_people = False  # it groups, silences and mutes by itself

    def __init__(self, url: str, clock: Clock) -> None:
        self._poster = Poster(self.name, f"{url.rstrip('/')}/api/v2/alerts")
        self._clock = clock

    def send(self, notice: Notice) -> None:
        """Return when Alertmanager took the alert."""
        alerts = [self._alert(notice)]
        if notice.kind == "worsened":  # its labels changed: what was told under the old ones ends
            weaker = SEVERITIES[: SEVERITIES.index(notice.alert.severity)]
            alerts += [self._ended(notice, severity) for severity in weaker]
        self._post(alerts)

    def repeat(self, notices: Sequence[Notice]) -> None:
        """Say again that these alerts live."""
        self._post([self._alert(notice) for notice in notices])

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _post(self, alerts: Sequence[dict[str, Any]]) -> None:
        self._poster.post(json.dumps(alerts).encode(), {})

    def _alert(self, notice: Notice) -> dict[str, Any]:
        alert, now = notice.alert, self._clock.now()
        ended = alert.state in ENDED_STATES
        return {
            "labels": alert_labels(notice),
            "annotations": alert_annotations(notice),
            "startsAt": moment(min(alert.opened_at, now)),
            "endsAt": moment(min(alert.resolved_at or now, now) if ended else now + LIVES_FOR),
            "generatorURL": notice.link,
        }

    def _ended(self, notice: Notice, severity: str) -> dict[str, Any]:
        ended = self._alert(notice)
        return ended | {
            "labels": alert_labels(notice, severity=severity),
            "endsAt": moment(self._clock.now()),
        }
