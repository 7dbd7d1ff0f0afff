"""What ``driftgauge retrain`` needs, built from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from driftgauge.storage import Store

from ..jobs.presence import agent_name
from ..retrain.gate import GateBounds
from ..retrain.material import MaterialSettings
from ..retrain.retraining import Retraining, RetrainingSettings, Tell
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
        material=MaterialSettings(
            run=timedelta(seconds=run_seconds(settings)),
            alpha=settings.stream.alpha,
            min_events=retrain.min_events,
            min_new_events=retrain.min_new_events,
            max_events=retrain.max_events,
        ),
        bounds=GateBounds(
            probe_margin=retrain.probe_margin,
            min_agreement=retrain.min_agreement,
            max_anchor_rate=retrain.max_anchor_rate,
        ),
    )
