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
    is_quiet: bool = False,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Return the settings, and send the log where they say, at *log_level* where it is given.

    Call it before anything heavy is imported, so that a mistake is reported immediately.

    Args:
        is_quiet: keep the Kafka client's own lines off the screen; what they say of a failure is in
            the error that it ends with.
    """
    import logging

    from ..log import configure_logging
    from ..settings.load import load_settings, secret_values

    settings = load_settings(config, flags={**(flags or {}), "log": {"level": log_level}})
    configure_logging(settings.log.level, settings.log.format, secrets=secret_values(settings))
    if is_quiet and settings.log.level != "debug":
        logging.getLogger("kafka").propagate = False
    return settings


def start_reading(
    config: Path | None, store: str | None, *, log_level: str | None = None
) -> Settings | None:
    """Return the settings, None where a database is named instead; send the log to the screen."""
    from ..log import configure_logging

    if store is None:
        return start(config, log_level=log_level)
    configure_logging(log_level or "info", "text")
    return None
