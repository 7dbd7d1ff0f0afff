"""The run folder: everything that a run leaves behind, and the settings that it runs on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import SettingsError
from .broker import CONSUMER_SETTINGS
from .lite0 import FACTORY
from .plan import WINDOW_SECONDS

STREAM = TOPIC = "camera-frames"
REFERENCE_TOPIC = "camera-frames-reference"

_HEAD = "# Written by `driftgauge demo`. The broker in it ends with the demonstration.\n"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with a place for each thing."""

    folder: Path

    @property
    def settings(self) -> Path:
        """The agent's settings file."""
        return self.folder / "driftgauge.toml"

    @property
    def database(self) -> Path:
        """The agent's SQLite database."""
        return self.folder / "driftgauge.db"

    @property
    def detector(self) -> Path:
        """The fitted detector."""
        return self.folder / "detector"

    @property
    def kept(self) -> Path:
        """The taps that the agent keeps to learn from."""
        return self.folder / "kept"

    @property
    def agent_log(self) -> Path:
        """What the agent wrote to standard error."""
        return self.folder / "agent.log"

    @property
    def pages_log(self) -> Path:
        """What the page server wrote to standard error."""
        return self.folder / "pages.log"

    @property
    def retraining_log(self) -> Path:
        """What the retraining wrote to standard error."""
        return self.folder / "retraining.log"

    @property
    def webhook_log(self) -> Path:
        """What the agent sent to the webhook, a message a line."""
        return self.folder / "webhook.jsonl"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.folder / "report.html"

    @property
    def summary(self) -> Path:
        """The figures for scripts."""
        return self.folder / "summary.json"

    @property
    def url(self) -> str:
        """The database's address."""
        return f"sqlite:///{self.database}"

    def paths(self) -> dict[str, Path]:
        """Return what a reader may want to open."""
        return {
            "folder": self.folder,
            "settings": self.settings,
            "database": self.database,
            "detector": self.detector,
            "agent_log": self.agent_log,
            "webhook_log": self.webhook_log,
            "report": self.report,
        }


def make_workspace(folder: Path | None, *, now: datetime) -> Workspace:
    """Make the folder; None names one after the time, here.

    Raises:
        SettingsError: it holds something already, or cannot be made.
    """
    folder = (folder or Path(f"driftgauge-demo-{now.astimezone():%Y%m%d-%H%M%S}")).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_used = any(folder.iterdir())
    except OSError as error:
        raise SettingsError(f"cannot use {folder} as the run folder: {error.strerror}") from error
    if is_used:
        raise SettingsError(
            f"the run folder {folder} is not empty", hint="name another with --run-dir"
        )
    return Workspace(folder)


def settings_text(
    workspace: Workspace,
    *,
    broker: str,
    image_size: int,
    notify: Mapping[str, object] | None = None,
    further: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """Return the settings file: what production uses, but a short clock and this broker.

    Args:
        broker: ``host:port``.
        image_size: side of the images that the model sees, in pixels.
        notify: settings of who is told of alerts.
        further: sections, or further settings of those that are written anyway.
    """
    sections: dict[str, Mapping[str, object]] = {
        "stream": {"name": STREAM, "topic": TOPIC, "segments": ["camera"]},
        "kafka": {
            "bootstrap_servers": [broker],
            "auto_offset_reset": "earliest",
            **CONSUMER_SETTINGS,
        },
        "model": {"factory": FACTORY, "image_size": image_size},
        "detector": {"path": str(workspace.detector)},
        "keep": {"path": str(workspace.kept)},
        "windows": {"seconds": WINDOW_SECONDS},
        "flush": {"interval_seconds": 1},
        "monitor": {
            "false_alarms": "1 per 30 days",
            "interval_seconds": 1,
            "grace_seconds": 0,
            "idle_seconds": 4,
            "recovery_windows": 3,
        },
        "notify": notify or {},
        "store": {"url": workspace.url},
        "http": {"port": 0},
    }
    for section, values in (further or {}).items():
        sections[section] = {**sections.get(section, {}), **values}
    return _HEAD + "".join(
        f"\n[{section}]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        for section, values in sections.items()
    )
