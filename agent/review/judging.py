"""How a stream's windows are judged: what the settings say, for what the database has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgauge.storage import Store, StreamRecord, shown_classes

if TYPE_CHECKING:
    from ..drift.monitor_settings import MonitorSettings
    from ..settings.load import Settings


def judging_of(settings: Settings, store: Store, stream: StreamRecord) -> MonitorSettings:
    """Return how the windows of *stream* are judged."""
    from ..drift.monitor_settings import MonitorSettings  # scipy: most commands need none

    active = store.active_detector(stream.stream)
    return MonitorSettings.of(
        settings.monitor,
        stream=stream.stream,
        window_seconds=stream.window_seconds,
        alpha=stream.alpha,
        classes=shown_classes(active.manifest) if active else (),
    )
