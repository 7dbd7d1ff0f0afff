"""From reference images to a registered detector."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from driftgauge.detector import (
    LEAN,
    Comparison,
    Detector,
    Progress,
    fit_detector,
    read_manifest,
    recommend,
    save_detector,
)
from driftgauge.storage import DetectorRecord, Store

from .build import build_database, build_decode, build_model, build_source, chosen_layers
from .clock import SystemClock
from .drift.normal import learn_normals, ood_rate, promise_warning
from .events.answers import AnswerBook
from .events.segment import MODEL_VERSION, PREDICTED_CLASS, segment_name
from .model.class_names import read_class_names
from .model.load import LoadedModel
from .model.scorer import LayerReader
from .reference.coverage import Coverage
from .reference.example import Example
from .reference.folder import list_images, read_images
from .reference.gather import gather_reference
from .reference.probing import probe_methods
from .reference.tap_store import TapStore, open_until_done, store_name
from .reference.topic import read_topic
from .settings import Settings

CHECKPOINT = "training.safetensors"
"""Where training stands, beside the taps."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the reference comes from.

    Attributes:
        examples: the images.
        expected: how many there will be, None if unknown.
        description: in words; a fit that was killed goes on where it has not changed.
    """

    examples: Iterator[Example]
    expected: int | None
    description: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit made.

    Attributes:
        layers: each tapped layer, and what it gives.
        comparisons: what each method sees of known changes, best first; empty without pictures.
    """

    name: str
    folder: Path
    detector: Detector
    coverage: Coverage
    normal_rates: dict[str, float]
    warnings: list[str]
    layers: dict[str, str]
    comparisons: list[Comparison]

    @property
    def recommendation(self) -> tuple[str, str] | None:
        """Return the method to use here and why, None where nothing was compared."""
        if not self.comparisons:
            return None
        return recommend(self.comparisons, self.detector.preset.method)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Whom to tell: of images read before a kill, of those read now, of training, of probing."""

    on_resumed: Callable[[int], None]
    on_images: Callable[[int], None]
    on_training: Callable[[Progress], None]
    on_probes: Callable[[int], None]


@contextmanager
def folder_source(settings: Settings, folder: Path) -> Iterator[Source]:
    """Give the images below *folder*; a sub-folder is a value of the first segment but the class."""
    told = (PREDICTED_CLASS, MODEL_VERSION)
    names = [segment_name(source) for source in settings.stream.segments if source not in told]
    files = list_images(folder, header=names[0] if names else None)
    batch = settings.batch
    examples = read_images(
        files, max_pixels=batch.max_image_pixels, max_aspect=batch.max_image_aspect
    )
    yield Source(examples, len(files), f"folder {folder.resolve()}")


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
            decode=build_decode(settings),
            max_events=max_events,
            idle_seconds=idle_seconds,
            clock=SystemClock(),
        )
        yield Source(examples, max_events, f"topic {topic} at {settings.kafka.bootstrap_servers}")
    finally:
        source.close()


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit.

    Attributes:
        seed: makes the fit repeatable.
        activate: score the stream with it from now on.
        probes: pictures to put known changes on, to compare the methods; 0 compares nothing.
        fresh: read every image, also those that a fit which was killed has read.
        keep_taps: leave the taps on disk after the fit, too.
    """

    seed: int = 0
    activate: bool = True
    probes: int = 0
    fresh: bool = False
    keep_taps: bool = False


def fit_stream(
    settings: Settings, source: Source, *, options: FitOptions, callbacks: Callbacks
) -> Fitted:
    """Fit a detector, write its artifact and register it with the stream.

    Taps lie beside the detectors until it is done; a fit that was killed goes on from them.

    Raises:
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    loaded = build_model(settings)
    layers = chosen_layers(settings, loaded)
    name = store_name(loaded.identity, layers, source.description, loaded.device.type)
    folder = settings.detector.path.resolve() / name
    with open_until_done(folder, fresh=options.fresh, keep=options.keep_taps) as store:
        if store.n_known:
            callbacks.on_resumed(store.n_known)
        reader = LayerReader(loaded, layers)
        return _fit(settings, source, loaded, reader, store, options=options, callbacks=callbacks)


def _fit(
    settings: Settings,
    source: Source,
    loaded: LoadedModel,
    reader: LayerReader,
    store: TapStore,
    *,
    options: FitOptions,
    callbacks: Callbacks,
) -> Fitted:
    reference = gather_reference(
        source.examples,
        reader,
        store,
        batch=settings.batch.max_images,
        window_seconds=settings.windows.seconds,
        on_images=callbacks.on_images,
        class_name=_class_name(settings),
        keep_pictures=options.probes,
    )
    preset = replace(LEAN, method=settings.detector.method, normaliser=settings.detector.normaliser)
    detector = fit_detector(
        reference.taps,
        window_ids=reference.window_ids,
        segments=reference.segments,
        seed=options.seed,
        preset=preset,
        calibrate_by=settings.detector.calibrate_by,
        on_progress=callbacks.on_training,
        rows=reference.rows,
        device=loaded.device,
        checkpoint=store.folder / CHECKPOINT,
    )
    comparisons = probe_methods(
        detector,
        reference,
        reader,
        batch=settings.batch.max_images,
        seed=options.seed,
        on_images=callbacks.on_probes,
    )
    rates = normal_rates(detector, settings.stream.alpha)
    warnings = reference.coverage.warnings()
    if lacking := promise_warning(detector.reference):
        warnings.append(lacking)
    notes = {
        "model": loaded.name,
        "coverage": reference.coverage.notes(),
        "normal_rates": rates,
        "warnings": warnings,
        "seed": options.seed,
        "probes": {one.method: dict(one.auroc) for one in comparisons},
    }
    folder = settings.detector.path.resolve()
    name = save_detector(detector, folder, loaded.identity, notes)
    _register(settings, folder / name, activate=options.activate)
    told = {layer: str(layout) for layer, layout in reader.layouts.items()}
    return Fitted(
        name=name,
        folder=folder / name,
        detector=detector,
        coverage=reference.coverage,
        normal_rates=rates,
        warnings=warnings,
        layers=told,
        comparisons=comparisons,
    )


def _class_name(settings: Settings) -> Callable[[int], str] | None:
    """Return what names a class for its segment, None when the stream is not sliced by class."""
    if PREDICTED_CLASS not in settings.stream.segments:
        return None
    book = AnswerBook(read_class_names(settings.model.class_names))
    return lambda number: book.name(str(number))


def normal_rates(detector: Detector, alpha: float) -> dict[str, float]:
    """Return the OOD rate of each segment that has enough reference to speak of."""
    return {
        segment: ood_rate(normal.reference[-1], alpha)
        for segment, normal in learn_normals(detector.reference).items()
    }


def _register(settings: Settings, folder: Path, *, activate: bool) -> None:
    manifest = read_manifest(folder)
    database = build_database(settings)
    try:
        store = Store(database)
        stream = settings.stream
        store.ensure_stream(stream.name, stream.topic, settings.windows.seconds)
        store.register_detector(
            DetectorRecord(
                detector=folder.name,
                stream=stream.name,
                uri=str(folder),
                created_at=datetime.now(UTC),
                active=activate,
                manifest={**manifest, "normal_rates": manifest["notes"]["normal_rates"]},
            )
        )
    finally:
        database.close()
