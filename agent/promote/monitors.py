"""The monitors of an agent: of the active detector, and of those before until all that they counted is judged."""

from __future__ import annotations

import logging
from typing import Protocol

from driftgauge.detector import DetectorError
from driftgauge.storage import DetectorRecord, Store, is_shadow, shadow_name, version_of

from ..drift.monitor import Monitor
from ..log import action

log = logging.getLogger(__name__)

LEFT_SECONDS = 3600.0
"""Counts of a detector that scores no more are judged if they came so lately, by the database's clock."""


class BuildMonitor(Protocol):
    """Makes the monitor of a version, or of a shadow."""

    def __call__(self, record: DetectorRecord, *, is_shadow: bool) -> Monitor:
        """Return it; raise DetectorError where its artifact cannot be read."""


class Monitors:
    """Which monitors take a turn. One job's thread owns it.

    Counts that a replaced detector made last close, and are judged by its own baselines, after the
    change; also those that an agent left behind that was killed in the middle of it.

    A shadow's windows are judged as well, by a monitor that raises no alert: so its baselines are learnt.

    Args:
        build: makes the monitor of a version, or of a shadow; raises DetectorError where its artifact
            cannot be read.
    """

    def __init__(self, store: Store, stream: str, build: BuildMonitor) -> None:
        self._store = store
        self._stream = stream
        self._build = build
        self._known: dict[str, Monitor] = {}
        self._unreadable: set[str] = set()

    def due(self, current: str) -> list[Monitor]:
        """Return the monitors to take a turn, that of the *current* detector first."""
        waiting = self._store.versions.waiting(self._stream, within_seconds=LEFT_SECONDS)
        shadow = self._store.versions.shadow_of(self._stream)
        beside = [] if shadow is None else [shadow_name(shadow.detector)]
        left = [name for name in waiting if not is_shadow(name)]
        names = dict.fromkeys((current, *left, *beside))
        self._known = {name: one for name, one in self._known.items() if name in names}
        found = [self._monitor(name) for name in names]
        return [monitor for monitor in found if monitor is not None]

    def _monitor(self, name: str) -> Monitor | None:
        if name not in self._known and name not in self._unreadable:
            record = self._store.versions.get(self._stream, version_of(name))
            if record is None:
                return None
            try:
                self._known[name] = self._build(record, is_shadow=is_shadow(name))
            except DetectorError as error:
                self._unreadable.add(name)
                log.warning(
                    "the last windows of detector %s are not judged: %s",
                    *(name, error),
                    extra=action("windows_left_unjudged", detector=name),
                )
        return self._known.get(name)
