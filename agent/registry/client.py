"""Asks a schema registry, again where it is away."""

from __future__ import annotations

import base64
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit, urlunsplit

from ..errors import EventFetchError, SettingsError
from ..fetch.address import Address, parse_address
from ..fetch.away import Away, OtherAnswer
from ..fetch.fetch_limits import FETCH_TIMEOUT_SECONDS, FETCH_TRIES
from ..fetch.http_get import HttpGet
from ..fetch.resting import Resting
from ..retry.attempts import try_again
from ..untrusted.document import parse_document

_ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_NOT_FOUND = 404
_REFUSED = (401, 403)
_MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RegistryClient:
    """A schema registry at an address. Safe in several threads.

    Args:
        url: perhaps with a user name and a password.
        rest_seconds: how long a registry that was away for all tries is asked once only.

    Raises:
        SettingsError: the address is not one, or the authorities' file cannot be read.
    """

    url: str = field(repr=False)
    timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    tries: int = FETCH_TRIES
    ca_file: str | None = None
    rest_seconds: float = 10.0
    wait: Callable[[float], object] = time.sleep
    _http: HttpGet = field(init=False, repr=False, compare=False)
    _resting: Resting = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            parse_address(_split_login(self.url)[0])
        except EventFetchError as error:
            raise SettingsError(f"events.registry_url: {error}") from error
        object.__setattr__(self, "_http", HttpGet(self.ca_file))
        object.__setattr__(self, "_resting", Resting(self.rest_seconds))

    def ask(self, path: str, query: str = "", *, what: str) -> dict[str, object]:
        """Return the JSON object at *path*, which is encoded as addresses are.

        Args:
            what: lies there, such as ``schema with id 7``.

        Raises:
            EventFetchError: the registry is away, or has nothing there.
            SettingsError: it refuses this agent's login.
            EventDecodeError: its answer is not a JSON object.
        """
        place, headers = _split_login(self.url)
        root = parse_address(place)
        address = replace(root, path=root.path.rstrip("/") + path, query=query)
        tries = self._resting.tries(root.place, self.tries)
        try:
            answer = try_again(lambda: self._once(address, headers), tries=tries, wait=self.wait)
        except Away as error:
            self._resting.note(root.place, is_away=True)
            raise EventFetchError(
                f"the schema registry is unreachable after {tries} attempts for {address}: {error}; "
                "`driftgauge dlq replay` sends the event again when the registry is back"
            ) from error
        except OtherAnswer as error:
            if error.status in _REFUSED:
                raise SettingsError(
                    f"the schema registry at {address.place} refuses this agent ({error.status})",
                    hint="set user name and password in events.registry_url",
                ) from error
            raise EventFetchError(_said(error, address, what)) from error
        self._resting.note(root.place, is_away=False)
        return parse_document(answer)

    def _once(self, address: Address, headers: Mapping[str, str]) -> bytes:
        return self._http.get(
            address,
            networks=_ANYWHERE,
            max_bytes=_MAX_ANSWER_BYTES,
            timeout_seconds=self.timeout_seconds,
            headers=headers,
        )


def _said(answer: OtherAnswer, address: Address, what: str) -> str:
    """Return what a registry's answer means for the event."""
    if answer.status == _NOT_FOUND:
        return f"the schema registry at {address.place} has no {what}"
    return f"the schema registry answers {answer.status} for {address}, wanted 200"


def _split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without user name and password, and the header that holds them."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(place), {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
