"""From settings to an application that is ready to be served."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from driftgauge.storage import Database, Store

from ..errors import SettingsError
from ..settings.sections import WebSection
from .app import build_app
from .desk import Desk
from .doorkeeper import Doorkeeper
from .page_server import open_socket

if TYPE_CHECKING:
    from ..settings.load import Settings

_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")


@contextmanager
def opened_pages(
    settings: Settings | None, url: str | None, *, host: str | None, port: int | None
) -> Iterator[tuple[Any, socket.socket]]:
    """Give the application and the socket that it is to be served on; close all afterwards.

    Args:
        settings: None where the database was named without them.
        url: of the database; None takes that of the settings.
        host: to listen on; None takes that of the settings.
        port: likewise.

    Raises:
        SettingsError: the address cannot be had, or a proxy's address is none.
        StorageError: the database is not there, or of another version.
    """
    web = settings.web if settings else WebSection()
    where = url or (settings.store.url.get_secret_value() if settings else "")
    host = web.host if host is None else host
    with (
        closing(Database(where, make=False, reads_only=True)) as database,
        closing(Database(where, make=False)) as writing,
    ):
        database.check_schema()
        desk = Desk(
            store=Store(database),
            writer=Store(writing),
            settings=settings,
            now=lambda: datetime.now(UTC),
        )
        with closing(open_socket(host, web.port if port is None else port)) as listening:
            app = build_app(desk, doorkeeper_of(web), allowed_hosts=allowed_hosts(web, host))
            yield app, listening


def doorkeeper_of(web: WebSection) -> Doorkeeper:
    """Return who may look and change, as the settings say."""
    for proxy in web.trusted_proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError as error:
            raise SettingsError(f"web.trusted_proxies = {proxy!r}: {error}") from None
    return Doorkeeper(
        token=web.token.get_secret_value() if web.token else None,
        user_header=web.user_header,
        trusted_proxies=web.trusted_proxies,
        needs_person=web.sign_in == "everything",
    )


def allowed_hosts(web: WebSection, host: str) -> Sequence[str]:
    """Return the names under which browsers may ask: a page elsewhere may call itself by any."""
    if web.allowed_hosts:
        return [*web.allowed_hosts, *_OWN_NAMES]
    return [*_OWN_NAMES, host] if host in ("127.0.0.1", "::1", "localhost") else ["*"]
