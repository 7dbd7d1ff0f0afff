"""``driftgauge fit``: learn what the model knows, from a folder or from a topic."""

from __future__ import annotations

import logging
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..fit.file_order import FileOrder
from ..terminal.natural_order import natural_key
from .options import ConfigOption, JsonOption
from .start import LogLevelOption, start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from rich.console import Console

    from driftgauge.detector import Layout, Progress

    from ..fit.fit import FitOptions, Fitted, Source
    from ..model.load import LoadedModel
    from ..settings.load import Settings

MOST_CLASSES = 5
"""Predicted classes that are named, at most."""


class ActivateChoice(StrEnum):
    """What a fitted detector becomes."""

    NOW = "now"
    SHADOW = "shadow"
    NO = "no"


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("fit")(fit)


def fit(
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of normal images; each sub-folder is a segment, such as a camera.",
        ),
    ] = None,
    order: Annotated[
        FileOrder | None,
        typer.Option(
            help="With --images: what says which file is earlier: its name, in which frame_2 comes "
            "before frame_10 (the default), the time in its EXIF, or its time of change.",
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(metavar="TOPIC", help="Topic of normal events, read from its start."),
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="With --topic: stop after this number of events.")
    ] = None,
    idle_seconds: Annotated[
        float,
        typer.Option(min=0.5, help="With --topic: stop when no event has arrived for this time."),
    ] = 5.0,
    probes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Number of pictures to apply known changes to (blur, noise, darkness, ...), to "
            "compare the methods on your images; 0 skips the comparison.",
        ),
    ] = 96,
    seed: Annotated[int, typer.Option(help="Makes the fit repeatable on one machine.")] = 0,
    activate: Annotated[
        ActivateChoice,
        typer.Option(
            help="now: score the stream with it at once, also in agents that run; shadow: score "
            "beside the active detector, without alerts, for retrain.shadow, and be promoted or refused by "
            "itself then; no: only register it.",
        ),
    ] = ActivateChoice.NOW,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Start from the beginning, and ignore the progress of an interrupted fit.",
        ),
    ] = False,
    keep_taps: Annotated[
        bool,
        typer.Option(
            "--keep-taps",
            help="Keep the model's activations on disk, for another fit on the same images.",
        ),
    ] = False,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a detector on normal images, and register it with the stream.

    Give it what the model was trained on, or weeks of normal traffic over all cameras, hours and
    seasons: what it never saw will count as a change. Some hundred images a segment at least.

    Stopped (Ctrl-C) or killed, it keeps what it read: run the same command to continue.
    """
    if (images is None) == (topic is None):
        raise typer.BadParameter("give either --images DIR or --topic TOPIC")
    if order is not None and images is None:
        raise typer.BadParameter("--order is for --images: a topic's events have times")
    settings = start(config, log_level=log_level, is_quiet=True)

    from rich.console import Console

    from ..fit.fit import FitOptions
    from ..terminal.printing import print_json

    logging.getLogger("driftgauge.agent.stream").setLevel(logging.WARNING)
    console = Console(stderr=True)
    fitted = _fit(
        settings,
        _source(
            settings,
            images=images,
            order=order,
            topic=topic,
            events=events,
            idle_seconds=idle_seconds,
        ),
        console,
        FitOptions(
            seed=seed, activate=activate.value, probes=probes, fresh=fresh, keep_taps=keep_taps
        ),
    )
    if as_json:
        print_json(_values(fitted))
        return
    _print(fitted, console)


def _source(
    settings: Settings,
    *,
    images: Path | None,
    order: FileOrder | None,
    topic: str | None,
    events: int | None,
    idle_seconds: float,
) -> AbstractContextManager[Source]:
    from ..wiring.fit import folder_source, topic_source

    if images is not None:
        return folder_source(settings, images, order or FileOrder.NAME)
    return topic_source(settings, topic or "", max_events=events, idle_seconds=idle_seconds)


def _fit(
    settings: Settings,
    opening: AbstractContextManager[Source],
    console: Console,
    options: FitOptions,
) -> Fitted:
    from ...errors import DriftgaugeError
    from ..fit.fit import Callbacks
    from ..fit.probing import n_probes
    from ..terminal.printing import print_line
    from ..terminal.progress import progress_bars
    from ..wiring.fit import run_fit

    with opening as source, progress_bars(console) as bars:
        reading = bars.add_task("Reading reference images", total=source.expected)
        training = bars.add_task("Training the denoiser", total=None, visible=False)
        probing = bars.add_task(
            "Probing with known changes", total=n_probes(options.probes), visible=False
        )
        naming = bars.add_task("Learning to name faults", total=None, visible=False)

        def on_model(loaded: LoadedModel, layouts: Mapping[str, Layout]) -> None:
            _print_model(loaded, layouts, console)

        def on_resumed(n_images: int) -> None:
            print_line(
                f"continuing after {n_images} images that were already read", console=console
            )

        def on_images(n_images: int) -> None:
            bars.advance(reading, n_images)

        def on_training(progress: Progress) -> None:
            bars.update(reading, total=bars.tasks[0].completed)
            bars.update(training, total=progress.total, completed=progress.done, visible=True)

        def on_probes(n_images: int) -> None:
            bars.update(training, total=bars.tasks[1].completed)
            bars.update(probing, advance=n_images, visible=True)

        def on_naming() -> None:
            bars.update(probing, total=bars.tasks[2].completed)
            bars.update(naming, visible=True)

        callbacks = Callbacks(on_model, on_resumed, on_images, on_training, on_probes, on_naming)
        try:
            fitted = run_fit(settings, source, options=options, callbacks=callbacks)
        except (KeyboardInterrupt, DriftgaugeError):
            if bars.tasks[0].completed:
                kept = f"the activations read so far are kept in {settings.detector.path}"
                print_line(f"{kept}: run the same command to continue", console=console)
            raise
        bars.update(training, total=bars.tasks[1].completed)
        bars.update(probing, total=bars.tasks[2].completed)
        bars.update(naming, total=1, completed=1)
    return fitted


def _values(fitted: Fitted) -> dict[str, object]:
    chosen = fitted.preprocessing
    return {
        "detector": fitted.name,
        "folder": str(fitted.folder),
        "layers": list(fitted.detector.layers),
        "layer_outputs": fitted.layers,
        "preprocessing": None if chosen is None else [chosen.summary, chosen.origin],
        "coverage": fitted.coverage.notes(),
        "normal_rates": fitted.normal_rates,
        "classes": dict(fitted.classes),
        "power": {segment: asdict(power) for segment, power in fitted.power.items()},
        "warnings": fitted.warnings,
        "figures": dict(fitted.detector.figures),
        "probes": {one.method: dict(one.auroc) for one in fitted.comparisons},
        "faults": dict(faults.found) if (faults := fitted.detector.faults) else {},
        "recommendation": fitted.recommendation,
    }


def _print_model(loaded: LoadedModel, layouts: Mapping[str, Layout], console: Console) -> None:
    from ..terminal.printing import print_line

    print_line("Model ", (loaded.name, "bold"), f" on {loaded.device}", console=console)
    if (chosen := loaded.preprocessing) is not None:
        print_line(f"  preprocessing: {chosen.summary}", console=console)
        print_line(f"    from {chosen.origin}; to change it: {chosen.way}", console=console)
    for layer, layout in layouts.items():
        print_line(f"  layer {layer}: {layout}", console=console)
    for note in loaded.notes:
        print_line("  ", ("note:", "yellow"), f" {note}", console=console)


def _print(fitted: Fitted, console: Console) -> None:
    from ..terminal.printing import print_line

    coverage = fitted.coverage
    span = f" over {coverage.span}" if coverage.span is not None else ""
    print_line("Detector ", (fitted.name, "bold"), f" in {fitted.folder}", console=console)
    print_line(f"  reference: {coverage.events} images{span}", console=console)
    for segment in sorted(fitted.normal_rates, key=natural_key):
        rate = fitted.normal_rates[segment]
        events = coverage.segments.get(segment, coverage.events)
        words = f"  {segment}: {events} images, normally {100 * rate:.1f} % unusual"
        if (power := fitted.power.get(segment)) is not None:
            words += f"; {power.words}"
        print_line(words, console=console)
    print_line(f"  {_class_words(fitted.classes)}", console=console)
    _print_probes(fitted, console)
    _print_faults(fitted, console)
    for warning in fitted.warnings:
        print_line("  ", ("note:", "yellow"), f" {warning}", console=console)


def _class_words(shares: Mapping[str, float]) -> str:
    """Return which classes the model predicts on the reference, or that it has none."""
    if not shares:
        return "predicted classes: none, the model is no classifier; label_shift is not tested"
    most = sorted(shares.items(), key=lambda item: -item[1])[:MOST_CLASSES]
    told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in most)
    more = f", and {len(shares) - len(most)} more" if len(shares) > len(most) else ""
    return f"predicted classes: {told}{more}"


def _print_probes(fitted: Fitted, console: Console) -> None:
    from ..terminal.printing import print_line
    from ..terminal.table import Column, print_table

    if fitted.recommendation is None:
        return
    compared = fitted.comparisons
    columns = [Column("change"), *(Column(one.method, "right") for one in compared)]
    rows = [
        *([probe, *(f"{one.auroc[probe]:.1f}" for one in compared)] for probe in compared[0].auroc),
        ["mean", *(f"{one.mean:.1f}" for one in compared)],
    ]
    title = "Known changes on held-out images: AUROC in per cent"
    print_table(title, columns, rows, console=console)
    method, why = fitted.recommendation
    print_line("  recommended: ", (method, "bold"), f"; {why}", console=console)


def _print_faults(fitted: Fitted, console: Console) -> None:
    from driftgauge.detector import lacking

    from ..terminal.printing import print_line

    if (faults := fitted.detector.faults) is None:
        why_not = lacking(fitted.detector)
        print_line(f"  alerts will not name faults: {why_not}", console=console)
        return
    shares = sorted(faults.found.items(), key=lambda one: one[1])
    seldom = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in shares[:3])
    mean = sum(share for _, share in shares) / len(shares)
    print_line(
        f"  alerts will name {len(shares)} faults, on held-out images rightly in {100 * mean:.0f} % "
        f"(most seldom: {seldom})",
        console=console,
    )
