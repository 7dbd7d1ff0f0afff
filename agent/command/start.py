"""How a command that works on the stream begins: its settings, then its log."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..settings.load import Settings


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LogLevelOption = Annotated[
    LogLevel | None,
    typer.Option("--log-level", help="Least severe line written. Default: log.level."),
]


def start(
    config: Path | None,
    *,
    log_level: str | None = None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Return the settings, and send the log where they say, at *log_level* where it is given.

    Call it before anything heavy is imported, so that a mistake is told at once.
    """
    from ..log import configure_logging
    from ..settings.load import load_settings, secret_values

    settings = load_settings(config, flags={**(flags or {}), "log": {"level": log_level}})
    configure_logging(settings.log.level, settings.log.format, secrets=secret_values(settings))
    return settings
