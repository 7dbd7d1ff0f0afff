"""Asks a schema registry, again where it is away."""

from __future__ import annotations

import base64
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit, urlunsplit

from ..errors import EventFetchError, SettingsError
from ..fetch.address import parse_address
from ..fetch.fetch_limits import FETCH_TIMEOUT_SECONDS, FETCH_TRIES
from ..fetch.http_get import Away, Moved, get
from ..untrusted.document import parse_document

_ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RegistryClient:
    """A schema registry at an address. Safe in several threads.

    Args:
        url: perhaps with a user name and a password.

    Raises:
        SettingsError: the address is none.
    """

    url: str = field(repr=False)
    timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    tries: int = FETCH_TRIES
    ca_file: str | None = None
    wait: Callable[[float], object] = time.sleep

    def __post_init__(self) -> None:
        try:
            parse_address(_split_login(self.url)[0])
        except EventFetchError as error:
            raise SettingsError(f"events.registry_url: {error}") from error

    def ask(self, path: str, query: str = "") -> dict[str, object]:
        """Return the JSON object at *path*, which is encoded as addresses are.

        Raises:
            EventFetchError: the registry is away, or has nothing there.
            EventDecodeError: its answer is no JSON object.
        """
        place, headers = _split_login(self.url)
        root = parse_address(place)
        address = replace(root, path=root.path.rstrip("/") + path, query=query)
        reason: Exception | None = None
        for attempt in range(self.tries):
            if attempt:
                self.wait(0.1 * 2**attempt)
            try:
                answer = get(
                    address,
                    networks=_ANYWHERE,
                    max_bytes=_MAX_ANSWER_BYTES,
                    timeout_seconds=self.timeout_seconds,
                    ca_file=self.ca_file,
                    headers=headers,
                )
                return parse_document(answer)
            except Away as error:
                reason = error
            except Moved as error:
                raise EventFetchError(f"the schema registry redirects {address}") from error
        raise EventFetchError(
            f"the schema registry is away, tried {self.tries} times for {address}: {reason}; "
            "`driftgauge dlq replay` sends the event again when it is back"
        ) from reason


def _split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without user name and password, and the header that holds them."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(place), {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
