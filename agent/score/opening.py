"""From settings, or from a model and an artifact, to a scorer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from driftgauge.detector import (
    ModelIdentity,
    NotFitted,
    hash_weights,
    load_detector,
    read_manifest,
)
from driftgauge.storage import Database, Store

from ..errors import SettingsError
from ..events.segment import MODEL_VERSION, PREDICTED_CLASS, segment_name
from ..loop.processors import decoding_threads
from ..model.batch_size import plain_batch
from ..model.load import LoadedModel
from ..model.preprocessing import own_preprocessing, timm_preprocessing
from ..model.reader import LayerReader
from ..settings.load import Settings, load_settings
from ..wiring.decode import build_decode_settings
from ..wiring.model import build_model
from .image_scorer import ImageScorer, ScorerOptions

if TYPE_CHECKING:
    from torch import nn

MANIFEST = "manifest.json"


def load_scorer(
    config: Path | str | None = None,
    *,
    detector: Path | str | None = None,
    model: nn.Module | None = None,
    transform: Callable[..., Any] | None = None,
) -> ImageScorer:
    """Return a scorer: a detector with the model that it was fitted for.

    Args:
        config: the settings file; None is driftgauge.toml in this folder. It is not read where both
            *model* and *detector* are given.
        detector: the folder of an artifact, or the name of one of the stream's detectors; None is the
            stream's active one.
        model: in evaluation mode, in place of the settings' model. Its weights become channels last in
            memory, as the agent's are; nothing else of it changes.
        transform: from a picture to *model*'s input, as a factory returns it; None is timm's.

    Raises:
        SettingsError: nothing to load, or it cannot be loaded; with what to do.
        ArtifactMismatch: the detector was fitted for another model or preprocessing.

    Example:
        ``load_scorer("driftgauge.toml").score("pictures").most_unusual(5)``
    """
    folder = _artifact(detector)
    settings = None
    if model is None or folder is None or config is not None:
        settings = load_settings(None if config is None else Path(config))
    if folder is None:
        folder = find_detector(_wanted(settings), detector)
    loaded = (
        build_model(_wanted(settings))
        if model is None
        else wrap_model(model, transform, precision=read_manifest(folder)["identity"]["precision"])
    )
    return open_scorer(loaded, folder, settings)


def open_scorer(loaded: LoadedModel, folder: Path, settings: Settings | None) -> ImageScorer:
    """Return a scorer of *loaded* with the detector in *folder*.

    Args:
        settings: what pictures may be, segments and batches; None has defaults.
    """
    detector = load_detector(folder, loaded.identity)
    LayerReader(loaded, detector.taps).try_out()  # a fault is told now, not at the first image
    options = ScorerOptions() if settings is None else scorer_options(settings)
    return ImageScorer(loaded, detector, name=folder.name, options=options)


def find_detector(settings: Settings, name: Path | str | None) -> Path:
    """Return the folder of the stream's detector called *name*; None is the active one.

    The database is only read. It is not asked where *name* is a folder, or lies in the folder of
    detectors.

    Raises:
        SettingsError: there is no such detector; the message has those that there are.
        NotFitted: the stream has none.
    """
    for folder in (_artifact(name), _artifact(settings.detector.path / str(name))):
        if name is not None and folder is not None:
            return folder
    database = Database(settings.store.url.get_secret_value(), make=False)
    try:
        database.check_schema()
        known = Store(database).detectors(settings.stream.name)
    finally:
        database.close()
    if not known:
        raise NotFitted(f"stream {settings.stream.name!r} has no detector in this database")
    wanted = [one for one in known if (one.active if name is None else one.detector == str(name))]
    if not wanted:
        names = ", ".join(one.detector for one in known)
        what = "active detector" if name is None else f"detector {str(name)!r}"
        raise SettingsError(
            f"stream {settings.stream.name!r} has no {what}; it has: {names}",
            hint="name one of these, or the folder of one",
        )
    return Path(wanted[0].uri)


def wrap_model(
    model: nn.Module, transform: Callable[..., Any] | None, *, precision: str
) -> LoadedModel:
    """Return *model*, where it is, as one that was loaded from the settings.

    Args:
        precision: that the detector was fitted in.
    """
    preprocessing = (
        timm_preprocessing(model, None) if transform is None else own_preprocessing(transform)
    )
    weight = next(model.parameters(), None)
    return LoadedModel(
        model.to(memory_format=torch.channels_last),
        preprocessing.transform,
        torch.device("cpu") if weight is None else weight.device,
        name=type(model).__name__,
        identity=ModelIdentity(hash_weights(model), preprocessing.identity, precision),
        preprocessing=preprocessing,
    )


def scorer_options(settings: Settings) -> ScorerOptions:
    """Return how the stream's images are scored."""
    told = (PREDICTED_CLASS, MODEL_VERSION)
    names = [segment_name(source) for source in settings.stream.segments if source not in told]
    return ScorerOptions(
        decode=build_decode_settings(settings),
        segment=names[0] if names else None,
        batch=plain_batch(settings.batch.max_images),
        threads=decoding_threads(settings.batch.decode_threads),
        alpha=settings.stream.alpha,
    )


def _artifact(name: Path | str | None) -> Path | None:
    """Return *name* as a path if a detector lies there."""
    return Path(name) if name is not None and (Path(name) / MANIFEST).is_file() else None


def _wanted(settings: Settings | None) -> Settings:
    if settings is None:
        raise ValueError("settings are needed where the model or the detector is not given")
    return settings
