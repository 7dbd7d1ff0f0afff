"""What the commands that read the database share: opening it, and naming the stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftgauge.storage import Database, Store, StreamRecord

    from ..drift.monitor_settings import MonitorSettings
    from ..settings.load import Settings

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Database to read, such as sqlite:///driftgauge.db; no settings file is needed then. "
        "Default: store.url of the settings.",
    ),
]
StreamOption = Annotated[
    str | None,
    typer.Option(
        "--stream",
        metavar="NAME",
        help="Stream to show. Default: stream.name of the settings, or the only one there is.",
    ),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """An open database and the stream that was asked for.

    Attributes:
        settings: None where the database was named without them.
    """

    store: Store
    stream: StreamRecord
    settings: Settings | None = None

    def judging(self) -> MonitorSettings | None:
        """Return how the stream's windows are judged, None where the settings are not known."""
        from ..review.judged_by import judging_of

        return judging_of(self.settings, self.store, self.stream) if self.settings else None


@contextmanager
def open_reading(
    config: Path | None, url: str | None, stream: str | None, *, reads_only: bool = False
) -> Iterator[Reading]:
    """Open the database for reading and find the stream in it; make nothing.

    With *reads_only* its connections refuse to write.
    """
    from driftgauge.storage import Store

    settings = None
    if url is None:
        from ..settings.load import load_settings

        settings = load_settings(config)
        url = settings.store.url.get_secret_value()
        stream = stream or settings.stream.name
    with open_database(url, reads_only=reads_only) as database:
        database.check_schema()
        store = Store(database)
        yield Reading(store, _find(store.streams(), stream), settings)


def store_url(config: Path | None, url: str | None) -> str:
    """Return the database that *url* names, or else the settings."""
    from ..settings.load import load_settings

    return url or load_settings(config).store.url.get_secret_value()


@contextmanager
def open_database(url: str, *, make: bool = False, reads_only: bool = False) -> Iterator[Database]:
    """Open the database and close it whatever happens."""
    from driftgauge.storage import Database

    database = Database(url, make=make, reads_only=reads_only)
    try:
        yield database
    finally:
        database.close()


def _find(streams: list[StreamRecord], name: str | None) -> StreamRecord:
    from ..errors import SettingsError

    names = ", ".join(row.stream for row in streams)
    found = [row for row in streams if name in (None, row.stream)]
    if not streams:
        raise SettingsError("the database has no stream yet", hint="driftgauge run")
    if not found:
        raise SettingsError(f"the database has no stream {name!r}; it has: {names}")
    if len(found) > 1:
        raise SettingsError(f"the database has several streams: {names}", hint="add --stream NAME")
    return found[0]


def parse_since(text: str | None, *, option: str = "--since") -> datetime | None:
    """Return the moment that *text* names, in words or as a date and time (UTC unless said)."""
    from ..settings.moments import parse_moment

    if text is None:
        return None
    try:
        return parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def parse_duration_option(text: str, option: str) -> float:
    """Return the seconds that *text* names."""
    from ..settings.durations import parse_duration

    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
