"""``driftgauge run``: the agent beside the model."""

from __future__ import annotations

import typer

from .options import ConfigOption
from .start import LogLevelOption, start


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("run")(run)


def run(config: ConfigOption = None, log_level: LogLevelOption = None) -> None:
    """Read the stream, score every image, and alert when a segment changes.

    Runs until SIGTERM or Ctrl-C, then drains, flushes and leaves; started again, it goes on where
    the database stands. Start as many as the topic has partitions. Exit code 0 after a clean
    leave, 1 when something ended it (the log says what), 2 for unusable settings, 70 when it was
    stuck and ended itself.
    """
    settings = start(config, log_level=log_level)

    from ..process.run import run_agent

    run_agent(settings)
