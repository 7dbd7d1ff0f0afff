"""The monitor that judges a stream's windows, from the settings."""

from __future__ import annotations

from driftgauge.detector import Detector
from driftgauge.storage import Store

from ..drift.monitor import Monitor
from ..drift.monitor_settings import MonitorSettings
from ..drift.silence_watch import SilenceSettings, SilenceWatch
from ..drift.tests.catalogue import choose_tests
from ..settings.load import Settings
from ..settings.sections import MonitorSection


def build_monitor(settings: Settings, store: Store, detector: Detector, name: str) -> Monitor:
    """Return the monitor of the stream's windows."""
    return Monitor(
        store,
        detector=name,
        columns=detector.columns,
        reference=detector.reference,
        settings=monitor_settings(settings),
    )


def build_silence_watch(settings: Settings, store: Store, detector: str) -> SilenceWatch:
    """Return what tells segments that have fallen silent."""
    return SilenceWatch(
        store,
        SilenceSettings(
            stream=settings.stream.name,
            detector=detector,
            silence_after=settings.monitor.silence_after,
            gone_after=settings.monitor.gone_after,
        ),
    )


def monitor_settings(settings: Settings) -> MonitorSettings:
    """Return how windows are judged."""
    return judging_settings(
        settings.monitor,
        stream=settings.stream.name,
        window_seconds=settings.windows.seconds,
        alpha=settings.stream.alpha,
    )


def judging_settings(
    monitor: MonitorSection, *, stream: str, window_seconds: int, alpha: float
) -> MonitorSettings:
    """Return how windows of *stream* are judged, whose length and alpha are those given."""
    return MonitorSettings(
        stream=stream,
        window_seconds=window_seconds,
        alpha=alpha,
        windows_between_false_alarms=monitor.false_alarms.seconds_between / window_seconds,
        idle_seconds=monitor.idle_seconds,
        grace_seconds=monitor.grace_seconds,
        recovery_windows=monitor.recovery_windows,
        cool_down=monitor.cool_down,
        incident_windows=monitor.incident_windows,
        learn=monitor.learn,
        forget=monitor.forget,
        tests=choose_tests(monitor.tests),
    )
