"""What ``driftgauge fit`` needs, built from the settings: where images come from, and the fit."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from driftgauge.detector import MIN_EVENTS, ReferenceTooSmall
from driftgauge.storage import DetectorRecord, Store

from ..clock import SystemClock
from ..drift.monitor_settings import MonitorSettings
from ..events.prediction import PredictionBook
from ..events.segment import MODEL_VERSION, PREDICTED_CLASS, segment_name
from ..fit.file_order import FileOrder
from ..fit.fit import Callbacks, FitOptions, FitSettings, Fitted, Source, fit_stream
from ..fit.folder import list_images, read_images
from ..fit.topic_examples import read_topic
from ..model.batch_size import plain_batch
from ..model.class_names import own_class_names, read_class_names
from ..model.load import LoadedModel
from ..settings.load import Settings
from .database import build_database
from .decode import build_decode_ports, build_decode_settings
from .kafka import build_source
from .model import build_model, chosen_layers
from .retrain import shadow_time


@contextmanager
def folder_source(
    settings: Settings, folder: Path, order: FileOrder = FileOrder.NAME
) -> Iterator[Source]:
    """Give the images below *folder*; a sub-folder is a value of the first segment but the class."""
    told = (PREDICTED_CLASS, MODEL_VERSION)
    names = [segment_name(source) for source in settings.stream.segments if source not in told]
    files = list_images(folder, header=names[0] if names else None, order=order)
    decode, ports = build_decode_settings(settings), build_decode_ports(settings)
    ordered = "" if order is FileOrder.NAME else f" by {order}"
    described = f"folder {folder.resolve()}{ordered}"
    yield Source(read_images(files, decode, ports), len(files), described)


@contextmanager
def topic_source(
    settings: Settings, topic: str, *, max_events: int | None, idle_seconds: float
) -> Iterator[Source]:
    """Give the events of *topic* from its beginning, read by a group of its own."""
    group = f"{settings.kafka.group_id}-fit-{uuid.uuid4().hex[:8]}"
    source = build_source(settings, topic=topic, group_id=group, reset="earliest")
    try:
        examples = read_topic(
            source,
            decode=build_decode_settings(settings),
            ports=build_decode_ports(settings),
            max_events=max_events,
            idle_seconds=idle_seconds,
            clock=SystemClock(),
        )
        yield Source(examples, max_events, f"topic {topic} at {settings.kafka.bootstrap_servers}")
    finally:
        source.close()


def run_fit(
    settings: Settings, source: Source, *, options: FitOptions, callbacks: Callbacks
) -> Fitted:
    """Fit a detector on *source* and register it with the stream.

    What it will need is looked at first, the quickest first: enough images, the database, the
    model and its layers.

    Raises:
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    if source.expected is not None and source.expected < MIN_EVENTS:
        raise ReferenceTooSmall(
            f"{source.description} has {source.expected} images, wanted at least {MIN_EVENTS}"
        )
    with _open_store(settings):
        pass  # its tables are right, and the stream's windows are these settings'
    loaded, name = build_model(settings), _class_name(settings)
    return fit_stream(
        source,
        loaded,
        chosen_layers(settings, loaded),
        _fit_settings(settings),
        options=options,
        callbacks=callbacks,
        register=lambda record: _register(settings, record),
        class_name=name if PREDICTED_CLASS in settings.stream.segments else None,
        label_name=name,
        class_names=_own_names(settings, loaded),
    )


def _fit_settings(settings: Settings) -> FitSettings:
    detector = settings.detector
    return FitSettings(
        stream=settings.stream.name,
        folder=detector.path.resolve(),
        window_seconds=settings.windows.seconds,
        alpha=settings.stream.alpha,
        max_images=plain_batch(settings.batch.max_images),
        method=detector.method,
        normaliser=detector.normaliser,
        calibrate_by=detector.calibrate_by,
        pixels=detector.pixels,
        judging=MonitorSettings.of(
            settings.monitor,
            stream=settings.stream.name,
            window_seconds=settings.windows.seconds,
            alpha=settings.stream.alpha,
        ),
    )


def _class_name(settings: Settings) -> Callable[[int], str]:
    """Return what names a class by its number."""
    book = PredictionBook(read_class_names(settings.model.class_names))
    return lambda number: book.name(str(number))


def _own_names(settings: Settings, loaded: LoadedModel) -> tuple[str, ...]:
    """Return the names that the model itself has, where the settings name no classes."""
    if settings.model.class_names is not None:
        return ()
    return own_class_names(loaded.model, is_pretrained=settings.model.checkpoint is None)


def _register(settings: Settings, record: DetectorRecord) -> None:
    """Write the detector's row; a shadow's trial begins with it, unless `retrain.shadow` is 0."""
    lasts = shadow_time(settings)
    with _open_store(settings) as store:
        if record.status != "shadow" or not lasts:
            store.register_detector(record)
            return
        store.register_detector(replace(record, status="candidate"))
        store.trials.begin(record.stream, record.detector, lasts=lasts, by="fit", even_refused=True)


@contextmanager
def _open_store(settings: Settings) -> Iterator[Store]:
    database = build_database(settings)
    try:
        store = Store(database)
        stream = settings.stream
        store.ensure_stream(stream.name, stream.topic, settings.windows.seconds, alpha=stream.alpha)
        yield store
    finally:
        database.close()
