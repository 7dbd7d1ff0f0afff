"""What ``driftgauge retrain`` needs, built from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from driftgauge.storage import Store

from ..jobs.presence import agent_name
from ..promote.shadow_trial import ShadowTrial, TrialSettings
from ..retrain.gate import GateBounds
from ..retrain.material import MaterialSettings
from ..retrain.reach import KeepBounds
from ..retrain.retraining import Retraining, RetrainingSettings, Tell
from ..settings.durations import parse_duration
from ..settings.load import Settings
from .database import build_database
from .keep import build_folder, run_seconds


@contextmanager
def open_retraining(
    settings: Settings, *, tell: Tell = lambda step, share: None
) -> Iterator[Retraining]:
    """Open the database and the kept taps, and give what retrains the stream."""
    database = build_database(settings)
    try:
        yield Retraining(
            Store(database),
            build_folder(settings),
            retraining_settings(settings),
            holder=agent_name(),
            tell=tell,
        )
    finally:
        database.close()


def retraining_settings(settings: Settings) -> RetrainingSettings:
    """Return what a retraining needs to know."""
    retrain, detector = settings.retrain, settings.detector
    return RetrainingSettings(
        stream=settings.stream.name,
        folder=detector.path.resolve(),
        window_seconds=settings.windows.seconds,
        calibrate_by=detector.calibrate_by,
        cool_down=retrain.cool_down,
        shadow=shadow_time(settings),
        material=MaterialSettings(
            run=timedelta(seconds=run_seconds(settings)),
            alpha=settings.stream.alpha,
            min_events=retrain.min_events,
            min_new_events=retrain.min_new_events,
            max_events=retrain.max_events,
        ),
        kept=keep_bounds(settings),
        bounds=GateBounds(
            probe_margin=retrain.probe_margin,
            min_agreement=retrain.min_agreement,
            max_anchor_rate=retrain.max_anchor_rate,
        ),
    )


def keep_bounds(settings: Settings) -> KeepBounds:
    """Return what the upkeep leaves of the kept taps."""
    keep = settings.keep
    return KeepBounds(keep=timedelta(days=keep.keep_days), max_bytes=keep.max_bytes)


def shadow_time(settings: Settings) -> timedelta:
    """Return how long a candidate scores beside the active detector; zero for not at all."""
    text = settings.retrain.shadow
    if text == "0":
        return timedelta(0)
    return parse_duration(text) if text else settings.monitor.learn


def build_trial(settings: Settings, store: Store) -> ShadowTrial:
    """Return what begins and ends the trials of the stream's candidates."""
    between = settings.monitor.false_alarms.seconds_between
    stream = settings.stream
    return ShadowTrial(
        store,
        TrialSettings(stream=stream.name, alpha=stream.alpha, seconds_between_false_alarms=between),
    )
