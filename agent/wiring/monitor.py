"""The monitor that judges a stream's windows, from the settings."""

from __future__ import annotations

from driftgauge.detector import Detector
from driftgauge.storage import Store

from ..drift.monitor import Monitor
from ..drift.monitor_settings import MonitorSettings
from ..drift.power_meter import PowerMeter
from ..drift.silence_watch import SilenceSettings, SilenceWatch
from ..settings.load import Settings


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


def build_power_meter(settings: Settings, store: Store, detector: str) -> PowerMeter:
    """Return what measures how soon changes would be told."""
    judging = monitor_settings(settings)
    return PowerMeter(store, stream=judging.stream, detector=detector, tests=judging.tests)


def monitor_settings(settings: Settings) -> MonitorSettings:
    """Return how windows are judged."""
    return MonitorSettings.of(
        settings.monitor,
        stream=settings.stream.name,
        window_seconds=settings.windows.seconds,
        alpha=settings.stream.alpha,
    )
