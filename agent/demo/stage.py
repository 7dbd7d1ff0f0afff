"""What every run of the demonstration stands on: its folder, broker, webhook, settings and first detector."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from ..terminal.printing import print_line
from ..terminal.progress import progress_bars
from .agent_process import run_to_end
from .broker import EmbeddedBroker
from .inbox import Inbox
from .plan import Plan
from .publish import Publisher
from .scenes import Camera, folder_cameras, photograph_cameras
from .workspace import REFERENCE_TOPIC, Workspace, make_workspace, settings_text

BATCH = 40
"""Frames that are sent at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A run that is ready for its live part.

    Attributes:
        fit_seconds: that the first detector took.
    """

    workspace: Workspace
    plan: Plan
    cameras: Sequence[Camera]
    broker: EmbeddedBroker
    inbox: Inbox
    console: Console
    fit_seconds: float

    def command(self, words: str) -> str:
        """Return a line for the shell that calls driftgauge with the run's settings."""
        return f"{_command()} {words} --config {shlex.quote(short_path(self.workspace.settings))}"


def cameras_of(images: Path | None) -> tuple[Camera, ...]:
    """Return the cameras of a folder of images, or those with the photographs from wheels."""
    return folder_cameras(images) if images else photograph_cameras()


@contextmanager
def set_stage(
    plan: Plan,
    cameras: Sequence[Camera],
    console: Console,
    *,
    run_dir: Path | None,
    image_size: int,
    now: datetime,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    fit_arguments: Sequence[str] = (),
) -> Iterator[Stage]:
    """Start broker and webhook, write the settings and fit the first detector; end them afterwards.

    Args:
        settings: sections beyond those that every run has.
        fit_arguments: of the command line that fits the first detector, beyond what every run has.

    Raises:
        SettingsError: the options or the installation do not allow a run.
        BrokerNotStarted: the embedded broker did not come up.
        AgentProcessEnded: the fit failed.
    """
    workspace = make_workspace(run_dir, now=now)
    folder = str(workspace.folder)
    print_line("Run folder, not deleted afterwards: ", (folder, "bold"), console=console)
    with EmbeddedBroker(workspace.folder) as broker, Inbox(workspace.webhook_log) as inbox:
        print_line(
            f"In-memory broker, for the demonstration only: {broker.address}", console=console
        )
        notify = {
            "webhook_url": inbox.url,
            "webhook_secret": inbox.secret,
            "max_per_hour": 3600,
            "digest": "never",
        }
        text = settings_text(
            workspace,
            broker=broker.address,
            image_size=image_size,
            notify=notify,
            further=settings or {},
        )
        workspace.settings.write_text(text, encoding="utf-8")
        _send_reference(plan, cameras, broker, console)
        fit_seconds = _fit(workspace, plan, fit_arguments)
        yield Stage(
            workspace=workspace,
            plan=plan,
            cameras=cameras,
            broker=broker,
            inbox=inbox,
            console=console,
            fit_seconds=fit_seconds,
        )


def _send_reference(
    plan: Plan, cameras: Sequence[Camera], broker: EmbeddedBroker, console: Console
) -> None:
    broker.create_topic(REFERENCE_TOPIC)
    with (
        Publisher(
            broker.connection(), REFERENCE_TOPIC, plan, cameras, plan.reference()
        ) as publisher,
        progress_bars(console) as progress,
    ):
        task = progress.add_task(
            "Sending normal frames for the reference", total=plan.live_from * len(cameras)
        )
        while sent := publisher.send(BATCH):
            progress.advance(task, sent)


def _fit(workspace: Workspace, plan: Plan, arguments: Sequence[str]) -> float:
    """Have ``driftgauge fit`` learn the reference; return its seconds."""
    began = time.monotonic()
    run_to_end(
        [
            *("fit", "--config", str(workspace.settings), "--topic", REFERENCE_TOPIC),
            *("--events", f"{plan.live_from * len(plan.cameras)}", "--seed", f"{plan.seed}"),
            *arguments,
        ]
    )
    return time.monotonic() - began


def _command() -> str:
    """Return how to call driftgauge from here: by name where the shell finds it."""
    if shutil.which("driftgauge"):
        return "driftgauge"
    return shlex.quote(short_path(Path(sys.executable).with_name("driftgauge")))


def short_path(path: Path) -> str:
    """Return *path* as seen from this folder if it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
