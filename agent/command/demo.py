"""``driftgauge demo``: the real agent on real photographs, in under four minutes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SeverityChoice(StrEnum):
    """How strong the faults are."""

    mild = "mild"
    plain = "plain"


SeverityOption = Annotated[
    SeverityChoice, typer.Option(help="mild: hard to see in one frame; plain: easy to see.")
]
CamerasOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Your own images, one sub-folder per camera."),
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("demo")(demo)


def demo(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 0,
    severity: SeverityOption = SeverityChoice.mild,
    images: CamerasOption = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Empty folder for everything. Default: driftgauge-demo-TIME."
        ),
    ] = None,
    reference_frames: Annotated[
        int, typer.Option(min=160, max=20_000, help="Normal frames per camera for the reference.")
    ] = 400,
    normal_frames: Annotated[
        int, typer.Option(min=0, max=20_000, help="Frames per camera before the first fault.")
    ] = 96,
    fault_frames: Annotated[
        int, typer.Option(min=1, max=2_000, help="Frames that each fault lasts.")
    ] = 64,
    recovery_frames: Annotated[
        int, typer.Option(min=0, max=2_000, help="Frames per camera after each fault.")
    ] = 80,
    opens_pages: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Show the run in a browser: prints the address of its pages, which stay up "
            "until Ctrl-C.",
        ),
    ] = False,
    season: Annotated[
        bool,
        typer.Option(
            "--season",
            help="Show retraining instead of faults: the light of all cameras moves, a new detector is "
            "fitted from kept taps, checked and promoted while the stream goes on.",
        ),
    ] = False,
    image_size: Annotated[
        int, typer.Option(min=32, max=448, help="Side of the images the model sees, in pixels.")
    ] = 160,
) -> None:
    """Run the agent on five cameras with real photographs, and give each a fault.

    Starts an in-memory broker for trying out, fits a detector, runs the agent in its own process,
    and writes report.html and summary.json into the run folder. Needs no Kafka, database or
    download. With --season no camera gets a fault, and --severity, --fault-frames and
    --recovery-frames mean nothing.
    """
    if opens_pages:  # say now, not after minutes, that a package is missing
        from ..web.page_server import need_packages

        need_packages()

    from rich.console import Console

    if season:
        from ..demo.plan import SeasonSpans
        from ..demo.season_run import SeasonOptions, run_season

        chosen = SeasonOptions(
            seed=seed,
            images=images,
            run_dir=run_dir,
            image_size=image_size,
            opens_pages=opens_pages,
            spans=SeasonSpans(reference=reference_frames, normal=normal_frames),
        )
        run_season(chosen, Console())
        return
    from ..demo.demonstration import DemoOptions, run_demo
    from ..demo.plan import Spans

    spans = Spans(reference_frames, normal_frames, fault_frames, recovery_frames)
    options = DemoOptions(
        seed=seed,
        severity=severity.value,
        images=images,
        run_dir=run_dir,
        image_size=image_size,
        opens_pages=opens_pages,
        spans=spans,
    )
    run_demo(options, Console())
