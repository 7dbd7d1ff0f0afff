"""Gets pictures from URLs: only from allowed places, bounded in size, time and tries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin

from ..errors import EventFetchError
from ..retry.attempts import try_again
from .address import Address, IpNetwork, parse_address
from .away import Away, OtherAnswer
from .fetch_limits import FETCH_TIMEOUT_SECONDS, FETCH_TRIES, MAX_FETCHED_BYTES
from .http_get import HttpGet
from .local_file import read_file
from .object_store import read_object
from .resting import Resting

_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """What may be fetched, and at what cost.

    Attributes:
        allowed: addresses that a fetched one must be below.
        networks: private networks that may be reached; others are refused, also after a name was
            looked up.
        max_bytes: larger ones are refused.
        timeout_seconds: one try's, from the look-up of the name to the last byte, redirects included.
        tries: in all, where the other side is away.
        rest_seconds: how long one that was away is then tried only once for each event.
        ca_file: PEM file of authorities; None is the system's.
    """

    allowed: tuple[Address, ...]
    networks: tuple[IpNetwork, ...] = ()
    max_bytes: int = MAX_FETCHED_BYTES
    timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    tries: int = FETCH_TRIES
    rest_seconds: float = 10.0
    ca_file: str | None = None


@dataclass(slots=True)
class Fetcher:
    """Call it with an address. Safe in several threads.

    Attributes:
        wait: returns after some seconds.

    Raises:
        SettingsError: the authorities' file cannot be read.
    """

    settings: FetchSettings
    wait: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _http: HttpGet = field(init=False)
    _resting: Resting = field(init=False)

    def __post_init__(self) -> None:
        self._http = HttpGet(self.settings.ca_file)
        self._resting = Resting(self.settings.rest_seconds, self.clock)

    def __call__(self, text: str) -> bytes:
        """Return the content of a URL.

        Raises:
            EventFetchError: it is not allowed, too large, not there, or away for all tries.
        """
        address = self._allowed(text)
        tries = self._resting.tries(address.place, self.settings.tries)
        try:
            found = try_again(lambda: self._once(address), tries=tries, wait=self.wait)
        except Away as error:
            self._resting.note(address.place, is_away=True)
            raise EventFetchError(
                f"{address} is unreachable after {tries} attempts: {error}; `driftgauge dlq replay` sends "
                "the event again when it is back"
            ) from error
        self._resting.note(address.place, is_away=False)
        return found

    def _allowed(self, text: str) -> Address:
        address = parse_address(text)
        if not any(address.is_below(allowed) for allowed in self.settings.allowed):
            raise EventFetchError(
                f"the address {str(address)[:200]!r} is not allowed; allowed are those below "
                f"{', '.join(map(str, self.settings.allowed)) or 'none'} (events.fetch_allow)"
            )
        return address

    def _once(self, address: Address) -> bytes:
        settings = self.settings
        if address.scheme == "file":
            return read_file(address, settings.allowed, max_bytes=settings.max_bytes)
        if address.scheme == "s3":
            return read_object(
                address, max_bytes=settings.max_bytes, timeout_seconds=settings.timeout_seconds
            )
        return self._over_http(address)

    def _over_http(self, origin: Address) -> bytes:
        """Return what lies at *origin*, or where it redirects to, within the time of one try."""
        settings, address = self.settings, origin
        start, left = time.monotonic(), settings.timeout_seconds
        for _ in range(_REDIRECTS + 1):
            try:
                return self._http.get(
                    address,
                    networks=settings.networks,
                    max_bytes=settings.max_bytes,
                    timeout_seconds=left,
                )
            except OtherAnswer as answer:
                if answer.status not in _MOVED:
                    raise EventFetchError(
                        f"{address} returned status {answer.status}, wanted 200"
                    ) from answer
                address = self._allowed(urljoin(address.url, answer.location))
                _refuse_other_place(origin, address)
                left = max(0.0, settings.timeout_seconds - (time.monotonic() - start))
        raise EventFetchError(f"{origin} redirects more than {_REDIRECTS} times")


def parse_allowed(prefixes: Sequence[str]) -> tuple[Address, ...]:
    """Return the addresses that the settings allow.

    Raises:
        EventFetchError: one is not an address.
    """
    return tuple(parse_address(prefix) for prefix in prefixes)


def _refuse_other_place(origin: Address, target: Address) -> None:
    same = (origin.host, origin.port, origin.scheme) == (target.host, target.port, target.scheme)
    if not same:
        raise EventFetchError(f"{origin} redirects to another place, {target}, which is refused")
