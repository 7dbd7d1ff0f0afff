"""From reference images to a registered detector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from driftgauge.detector import (
    LEAN,
    PIXELS,
    Comparison,
    Detector,
    Layout,
    NormaliserKind,
    Progress,
    fit_detector,
    has_telling_roughness,
    recommend,
    save_detector,
    with_roughness,
)
from driftgauge.storage import POOL, DetectorRecord, DetectorStatus

from ..drift.baseline import Baseline, learn_baselines
from ..drift.monitor_settings import MonitorSettings
from ..errors import ModelFault
from ..model.load import LoadedModel
from ..model.preprocessing import Preprocessing
from ..model.reader import LayerReader
from .companions import companion_files
from .coverage import Coverage
from .example import Example
from .fault_probes import read_faults, share_alike, with_faults
from .fit_power import FitPower, fit_power, untested_warnings
from .fit_promise import promise_warning
from .gather import gather_reference
from .labels import class_shares, with_labels
from .probing import hold_out, probe_methods, read_probes
from .registration import detector_record, normal_rates
from .tap_store import TapStore, open_until_done, store_name

Activate = Literal["now", "shadow", "no"]
STATUSES: Mapping[Activate, DetectorStatus] = {
    "now": "active",
    "shadow": "shadow",
    "no": "candidate",
}
"""What a fitted detector becomes."""

CHECKPOINT = "training.safetensors"
"""File of the training state, next to the taps."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the reference comes from.

    Attributes:
        examples: the images.
        expected: how many there will be, None if unknown.
        description: in words; a killed fit continues only if it has not changed.
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
        baselines: of the segments that have enough reference to be tested.
        power: how soon each would tell changes under the budget.
        preprocessing: of the model that it was fitted for.
        classes: the share of each class that the model predicts on the reference.
    """

    name: str
    folder: Path
    detector: Detector
    coverage: Coverage
    baselines: Mapping[str, Baseline]
    power: Mapping[str, FitPower]
    normal_rates: dict[str, float]
    warnings: list[str]
    layers: dict[str, str]
    comparisons: list[Comparison]
    preprocessing: Preprocessing | None = None
    classes: Mapping[str, float] = field(default_factory=dict)

    @property
    def recommendation(self) -> tuple[str, str] | None:
        """Return the method to use here and why, None where nothing was compared."""
        if not self.comparisons:
            return None
        return recommend(self.comparisons, self.detector.preset.method)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Callbacks for progress, in the order in which they are called.

    Attributes:
        on_model: the model works, and what each layer gives for a grey picture.
        on_resumed: so many images were read before.
        on_images: so many more were read.
        on_training: where training stands.
        on_probes: so many more pictures were changed and read.
        on_naming: naming faults is learnt now.
    """

    on_model: Callable[[LoadedModel, Mapping[str, Layout]], None]
    on_resumed: Callable[[int], None]
    on_images: Callable[[int], None]
    on_training: Callable[[Progress], None]
    on_probes: Callable[[int], None]
    on_naming: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit.

    Attributes:
        seed: makes the fit repeatable.
        activate: score the stream with it from now on, or beside the active one, or not.
        probes: pictures to apply known changes to, to compare the methods; 0 skips the comparison.
        fresh: read every image, also those that a fit which was killed has read.
        keep_taps: leave the taps on disk after the fit, too.
    """

    seed: int = 0
    activate: Activate = "now"
    probes: int = 0
    fresh: bool = False
    keep_taps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """What a fit needs to know of its stream.

    Attributes:
        folder: of all detectors; the taps of an unfinished fit are next to them.
        max_images: of one forward pass.
        alpha: an event is out of distribution at a combined p-value of at most this.
        calibrate_by: a segment whose values are ranked among their own; empty ranks among all.
        pixels: score the statistics of pictures, too, where the reference has pictures.
        judging: how the monitor will judge.
    """

    stream: str
    folder: Path
    window_seconds: int
    alpha: float
    max_images: int
    method: str
    normaliser: NormaliserKind
    calibrate_by: str
    pixels: bool = True
    judging: MonitorSettings


def fit_stream(
    source: Source,
    loaded: LoadedModel,
    layers: Sequence[str],
    settings: FitSettings,
    *,
    options: FitOptions,
    callbacks: Callbacks,
    register: Callable[[DetectorRecord], None],
    class_name: Callable[[int], str] | None = None,
    label_name: Callable[[int], str] = str,
    class_names: Sequence[str] = (),
) -> Fitted:
    """Fit a detector on *layers* of a loaded model, write its artifact and register it.

    Taps are stored next to the detectors until it is done; a killed fit continues from them.

    Args:
        register: writes the finished detector to the database.
        class_name: names a predicted class for its segment; None when the stream is not sliced by
            class.
        label_name: names it where classes are counted.
        class_names: what people call the classes that are named by number.

    Raises:
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    layouts = LayerReader(loaded, layers).try_out().layouts
    callbacks.on_model(loaded, layouts)  # a fault is told before a minute's reading
    source, first = _peeked(source)
    taps = choose_taps(layouts, first, has_pixels=settings.pixels)
    reader = LayerReader(loaded, taps)
    name = store_name(loaded.identity, taps, source.description, loaded.device.type)
    with open_until_done(
        settings.folder / name, fresh=options.fresh, keep=options.keep_taps
    ) as store:
        if store.n_known:
            callbacks.on_resumed(store.n_known)
        fitted = _fit(
            settings,
            source,
            loaded,
            reader,
            store,
            options=options,
            callbacks=callbacks,
            class_name=class_name,
            label_name=label_name,
            class_names=class_names,
        )
        register(
            detector_record(
                settings.stream,
                fitted.name,
                fitted.folder,
                fitted.baselines,
                status=STATUSES[options.activate],
            )
        )
        return fitted


def choose_taps(
    layouts: Mapping[str, Layout], first: Example | None, *, has_pixels: bool
) -> tuple[str, ...]:
    """Return the taps to fit on: both moments of each layer whose roughness tells something, after pixels.

    Args:
        layouts: of each layer.
        first: of the reference; where it is taps that a hook sent, there are no others, and no
            pixels. None where the reference is empty.
        has_pixels: score statistics of the picture itself, if there is one.

    Raises:
        ModelFault: a layer has the name that statistics of pixels have.
    """
    finest = max((layout.n_positions for layout in layouts.values()), default=0)
    taps = [
        tap
        for layer, layout in layouts.items()
        for tap in (
            with_roughness([layer])
            if has_telling_roughness(layout.n_positions, finest)
            else [layer]
        )
    ]
    if first is not None and first.taps is not None:
        sent = first.taps.vectors
        return tuple(tap for tap in taps if tap in sent or tap in layouts)
    if not has_pixels:
        return tuple(taps)
    if PIXELS in layouts:
        raise ModelFault(
            f"the model has a layer named {PIXELS!r}, which is the name of the picture's own "
            "statistics",
            hint="set pixels = false under [detector], or leave that layer out of layers",
        )
    return (PIXELS, *taps)


def _peeked(source: Source) -> tuple[Source, Example | None]:
    """Return *source* with all its examples, and the first of them."""
    examples = iter(source.examples)
    first = next(examples, None)
    if first is None:
        return source, None
    return replace(source, examples=chain([first], examples)), first


def _fit(
    settings: FitSettings,
    source: Source,
    loaded: LoadedModel,
    reader: LayerReader,
    store: TapStore,
    *,
    options: FitOptions,
    callbacks: Callbacks,
    class_name: Callable[[int], str] | None,
    label_name: Callable[[int], str],
    class_names: Sequence[str],
) -> Fitted:
    reference = gather_reference(
        source.examples,
        reader,
        store,
        batch=settings.max_images,
        window_seconds=settings.window_seconds,
        on_images=callbacks.on_images,
        class_name=class_name,
        label_name=label_name,
        keep_pictures=options.probes,
    )
    preset = replace(LEAN, method=settings.method, normaliser=settings.normaliser)
    detector = fit_detector(
        reference.taps,
        window_ids=reference.window_ids,
        segments=reference.segments,
        seed=options.seed,
        preset=preset,
        calibrate_by=settings.calibrate_by,
        on_progress=callbacks.on_training,
        rows=reference.rows,
        device=loaded.device,
        checkpoint=store.folder / CHECKPOINT,
    )
    detector = with_labels(detector, reference)
    comparisons: list[Comparison] = []
    held = hold_out(reference, reader, batch=settings.max_images, on_images=callbacks.on_probes)
    probes = faults = None
    if held is not None:
        probes = read_probes(held)
        comparisons = probe_methods(detector, reference, probes, seed=options.seed)
        faults = read_faults(detector, reference, held)
    if faults is not None:
        callbacks.on_naming()
        alike = share_alike(reference)
        detector = with_faults(detector, faults, alike=alike, seed=options.seed)
    baselines = learn_baselines(detector.reference, settings.judging.tests)
    rates = normal_rates(baselines, settings.alpha)
    power = fit_power(baselines, settings.judging, is_timed=reference.coverage.span is not None)
    warnings = reference.coverage.warnings()
    if lacking := promise_warning(detector.reference, baselines, settings.judging):
        warnings.append(lacking)
    warnings += untested_warnings(power)
    notes = {
        "model": loaded.name,
        "coverage": reference.coverage.notes(),
        "normal_rates": rates,
        "warnings": warnings,
        "seed": options.seed,
        **_class_notes(detector, class_names),
        "probes": {one.method: dict(one.auroc) for one in comparisons},
    }
    beside = companion_files(reference, detector.channels, probes, faults)
    name = save_detector(detector, settings.folder, loaded.identity, notes, beside)
    return Fitted(
        name=name,
        folder=settings.folder / name,
        detector=detector,
        coverage=reference.coverage,
        baselines=baselines,
        power=power,
        normal_rates=rates,
        warnings=warnings,
        layers={
            tap: str(layout) for tap, layout in reference.layouts.items() if tap in detector.layers
        },
        comparisons=comparisons,
        preprocessing=loaded.preprocessing,
        classes=_shown_shares(detector, notes),
    )


def _class_notes(detector: Detector, names: Sequence[str]) -> dict[str, object]:
    """Return what people call the classes, and how often each segment's reference has them."""
    if not detector.classes:
        return {}
    called = {
        name: names[int(name)]
        for name in detector.classes
        if name.isascii() and name.isdigit() and int(name) < len(names)
    }
    return {"class_names": called, "class_shares": class_shares(detector)}


def _shown_shares(detector: Detector, notes: Mapping[str, Any]) -> dict[str, float]:
    shares = class_shares(detector).get(POOL, {})
    return {notes["class_names"].get(name, name): share for name, share in shares.items()}
