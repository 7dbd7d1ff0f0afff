"""``driftgauge demo-frames``: the demonstration's pictures on a broker of your own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .demo import CamerasOption, SeverityChoice, SeverityOption
from .options import ConfigOption
from .start import LogLevelOption, start


class FaultChoice(StrEnum):
    """What may go wrong with a camera."""

    blur = "blur"
    fade = "fade"
    dirt = "dirt"
    frozen = "frozen"
    unseen = "unseen"


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("demo-frames")(demo_frames)


def demo_frames(
    *,
    topic: Annotated[
        str | None, typer.Option(help="Topic to send to. Default: stream.topic.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, max=20_000, help="Frames of each camera, one a second.")
    ] = 240,
    fault: Annotated[
        FaultChoice | None, typer.Option(help="What goes wrong with one camera. Default: nothing.")
    ] = None,
    fault_after: Annotated[
        int, typer.Option(min=0, help="Normal frames before the fault; it stays to the end.")
    ] = 96,
    camera: Annotated[
        str | None, typer.Option(metavar="NAME", help="The camera with the fault.")
    ] = None,
    severity: SeverityOption = SeverityChoice.plain,
    images: CamerasOption = None,
    seed: Annotated[int, typer.Option(help="Another seed is another day: other noise.")] = 0,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Send camera frames with a fault to the broker of the settings, to try out an installation.

    Real photographs as the cameras of the demonstration film them, with the header camera. The last
    frame is dated now. Use a topic and a stream for trying out: the agent counts these frames as any
    others.
    """
    from datetime import UTC, datetime

    from ..demo.scenes import folder_cameras, photograph_cameras
    from ..demo.send import Scenario, send_frames
    from ..terminal.printing import print_line
    from ..wiring.kafka import build_connection

    settings = start(config, log_level=log_level, is_quiet=True)
    cameras = folder_cameras(images) if images else photograph_cameras()
    scenario = Scenario(
        frames=frames,
        fault=fault.value if fault else None,
        fault_after=fault_after,
        camera=camera,
        severity=severity.value,
        seed=seed,
    )
    topic = topic or settings.stream.topic
    connection = build_connection(settings)
    sent = send_frames(connection, topic, cameras, scenario, now=datetime.now(UTC))
    print_line(f"Sent {sent:,} frames of {len(cameras)} cameras to {topic}")
