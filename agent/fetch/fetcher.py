"""Gets pictures that lie elsewhere: only from allowed places, bounded in size, time and tries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin

from ..errors import EventFetchError
from .address import Address, IpNetwork, parse_address
from .fetch_limits import FETCH_TIMEOUT_SECONDS, FETCH_TRIES, MAX_FETCHED_BYTES
from .http_get import Away, Moved, get
from .local_file import read_file
from .object_store import read_object

_REDIRECTS = 3
_FIRST_WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """What may be fetched, and at what cost.

    Attributes:
        allowed: addresses that a fetched one must be below.
        networks: private networks that may be reached; others are refused, also after a name was
            looked up.
        max_bytes: larger ones are refused.
        timeout_seconds: one try's, from the look-up of the name to the last byte.
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

    A place that was away for all tries is tried only once for each event for some seconds, so that
    an outage does not hold every decoding thread for all tries of each.

    Attributes:
        wait: returns after some seconds.
    """

    settings: FetchSettings
    wait: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _away_until: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, text: str) -> bytes:
        """Return what lies at an address.

        Raises:
            EventFetchError: it is not allowed, too large, not there, or away for all tries.
        """
        address = self._allowed(text)
        place = f"{address.scheme}://{address.host}:{address.port}"
        tries = 1 if self._is_resting(place) else self.settings.tries
        reason: Away | None = None
        for number in range(tries):
            if number:
                self.wait(_FIRST_WAIT_SECONDS * 2**number)
            try:
                found = self._follow(address)
            except Away as error:
                reason = error
            else:
                self._away_until.pop(place, None)
                return found
        self._rest(place)
        raise EventFetchError(
            f"{address} is away, tried {tries} times: {reason}; `driftgauge dlq replay` sends the "
            "event again when it is back"
        ) from reason

    def _allowed(self, text: str) -> Address:
        address = parse_address(text)
        if not any(address.is_below(allowed) for allowed in self.settings.allowed):
            raise EventFetchError(
                f"the address {str(address)[:200]!r} is not allowed; allowed are those below "
                f"{', '.join(map(str, self.settings.allowed)) or 'none'} (events.fetch_allow)"
            )
        return address

    def _follow(self, address: Address) -> bytes:
        settings = self.settings
        if address.scheme == "file":
            return read_file(address, settings.allowed, max_bytes=settings.max_bytes)
        if address.scheme == "s3":
            return read_object(
                address, max_bytes=settings.max_bytes, timeout_seconds=settings.timeout_seconds
            )
        origin = address
        for _ in range(_REDIRECTS + 1):
            try:
                return get(
                    address,
                    networks=settings.networks,
                    max_bytes=settings.max_bytes,
                    timeout_seconds=settings.timeout_seconds,
                    ca_file=settings.ca_file,
                )
            except Moved as moved:
                address = self._allowed(urljoin(str(address), moved.location))
                _refuse_other_place(origin, address)
        raise EventFetchError(f"{origin} redirects more than {_REDIRECTS} times")

    def _is_resting(self, place: str) -> bool:
        return self._away_until.get(place, 0.0) > self.clock()

    def _rest(self, place: str) -> None:
        with self._lock:  # allowed places are few: the settings name them
            self._away_until[place] = self.clock() + self.settings.rest_seconds


def parse_allowed(prefixes: Sequence[str]) -> tuple[Address, ...]:
    """Return the addresses that the settings allow.

    Raises:
        EventFetchError: one is none.
    """
    return tuple(parse_address(prefix) for prefix in prefixes)


def _refuse_other_place(origin: Address, target: Address) -> None:
    same = (origin.host, origin.port, origin.scheme) == (target.host, target.port, target.scheme)
    if not same:
        raise EventFetchError(f"{origin} redirects to another place, {target}, which is refused")
