"""``driftgauge run``: run the agent."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from .options import ConfigOption
from .start import LogLevelOption, start


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("run")(run)


class Begin(StrEnum):
    """Where a stream begins that the database does not know."""

    BEGINNING = "beginning"
    NOW = "now"


RESETS = {Begin.BEGINNING: "earliest", Begin.NOW: "latest"}


def run(
    *,
    begin: Annotated[
        Begin | None,
        typer.Option(
            "--from",
            help="Where a new stream begins: with the first message there is, or with what comes "
            "from now on. Later starts go on where the database stands.",
        ),
    ] = None,
    accept_new_topic: Annotated[
        bool,
        typer.Option(
            "--accept-new-topic",
            help="Read a topic that was deleted and recreated, from its first message.",
        ),
    ] = False,
    pages: Annotated[
        bool,
        typer.Option(
            "--pages",
            help="Also serve pages in a browser, at web.host and web.port, in a process beside this "
            "one: as `driftgauge serve` does.",
        ),
    ] = False,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Read the stream, score every image, and alert when a segment changes.

    Runs until SIGTERM or Ctrl-C, then drains, flushes and exits; started again, it continues where
    the database stands. Start as many as the topic has partitions. Exit code 0 after a clean
    leave, 1 when something ended it (the log says what), 2 for unusable settings, 70 when it was
    stuck and ended itself.
    """
    flags = {} if begin is None else {"kafka": {"auto_offset_reset": RESETS[begin]}}
    settings = start(config, log_level=log_level, flags=flags)
    if config is not None:  # for the processes that it starts
        os.environ["DRIFTGAUGE_CONFIG"] = str(config.resolve())

    from contextlib import nullcontext

    from ..process.page_process import pages_beside
    from ..process.run import run_agent

    if pages:
        from ..web.page_server import need_packages

        need_packages()
    with pages_beside() if pages else nullcontext():
        run_agent(settings, accept_new_topic=accept_new_topic, is_start_told=begin is not None)
