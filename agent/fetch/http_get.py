"""One GET over HTTP: to addresses that were looked up and checked first, within a time in all.

The name is looked up here, and the connection made to an address that was checked: looked up a
second time by the client, the name could by then lead elsewhere. A time-out of a socket begins anew
with each byte that drips in, so the requests run in an event loop, which ends one whatever it is at:
the look-up, the handshake, the head or the body.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping, Sequence
from functools import cache

import httpx

from ..errors import EventFetchError, SettingsError
from .address import Address, IpAddress, IpNetwork
from .away import Away, OtherAnswer
from .host_lookup import look_up

_OK, _TOO_MANY, _SERVER_ERROR = 200, 429, 500
_REQUEST_TIMEOUT = 408
_NO_HEADERS: Mapping[str, str] = {}
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout)


class HttpGet:
    """Gets over HTTP and HTTPS; safe in several threads.

    httpx's transport without its client, which would keep cookies, follow redirects, decompress, and
    log addresses with their signatures. Connections are not kept: two names of one address would
    share one.

    Args:
        ca_file: PEM file of authorities; None is the system's.

    Raises:
        SettingsError: that file cannot be read.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        try:
            self._context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ValueError) as error:
            raise SettingsError(f"events.fetch_ca_file: cannot use {ca_file}: {error}") from error
        self._loop = _event_loop()

    def get(
        self,
        address: Address,
        *,
        networks: Sequence[IpNetwork],
        max_bytes: int,
        timeout_seconds: float,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> bytes:
        """Return the body.

        Args:
            networks: private networks that may be reached.
            timeout_seconds: from the look-up of the name to the last byte.

        Raises:
            Away: no answer in time, or one that may be another later.
            OtherAnswer: one that stays, also a redirect, which the caller judges.
            EventFetchError: a body that is too large, a certificate that is not trusted, an address
                that is private.
        """
        got = self._within(address, networks, max_bytes, timeout_seconds, headers)
        return asyncio.run_coroutine_threadsafe(got, self._loop).result()

    async def _within(
        self,
        address: Address,
        networks: Sequence[IpNetwork],
        max_bytes: int,
        timeout_seconds: float,
        headers: Mapping[str, str],
    ) -> bytes:
        try:
            async with asyncio.timeout(timeout_seconds):
                hosts = await look_up(address, networks)
                return await self._from_any(address, hosts, max_bytes, timeout_seconds, headers)
        except TimeoutError as error:
            raise Away(f"no complete response in {timeout_seconds:.3g} s") from error
        except httpx.TransportError as error:
            _refuse_untrusted(address, error)
            raise Away(str(error) or repr(error)) from error

    async def _from_any(
        self,
        address: Address,
        hosts: Sequence[IpAddress],
        max_bytes: int,
        timeout_seconds: float,
        headers: Mapping[str, str],
    ) -> bytes:
        """Return the body from the first of *hosts* that takes the connection."""
        for host in hosts[:-1]:
            request = _request(address, host, headers, timeout_seconds / len(hosts))
            try:
                return await self._exchange(address, request, max_bytes)
            except _NO_CONNECTION as error:
                _refuse_untrusted(address, error)
        request = _request(address, hosts[-1], headers, timeout_seconds)
        return await self._exchange(address, request, max_bytes)

    async def _exchange(self, address: Address, request: httpx.Request, max_bytes: int) -> bytes:
        async with httpx.AsyncHTTPTransport(verify=self._context, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                _judge(address, response)
                return await _body(address, response, max_bytes)
            finally:
                await response.aclose()


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that all requests of this process run in, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="http", daemon=True).start()
    return loop


def _request(
    address: Address, host: IpAddress, headers: Mapping[str, str], connect_seconds: float
) -> httpx.Request:
    """Return the request for *address* at *host*, which stands in for the name."""
    url = httpx.URL(scheme=address.scheme, host=str(host), port=address.port, path="/")
    named = {
        "Host": address.authority,
        "Accept-Encoding": "identity",  # a compressed body could be a bomb
        "User-Agent": "driftgauge",
        "Connection": "close",
        **headers,
    }
    extensions = {
        "target": address.target.encode(),  # as written: a signature may hang on each character
        "sni_hostname": address.host,
        "timeout": {"connect": connect_seconds},  # the time in all bounds everything else
    }
    return httpx.Request("GET", url, headers=named, extensions=extensions)


def _judge(address: Address, response: httpx.Response) -> None:
    status = response.status_code
    if status in (_TOO_MANY, _REQUEST_TIMEOUT) or status >= _SERVER_ERROR:
        raise Away(f"it returned status {status}")
    if status != _OK:
        raise OtherAnswer(status, response.headers.get("location", ""))
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise EventFetchError(f"{address} was sent compressed, which is refused")


async def _body(address: Address, response: httpx.Response, max_bytes: int) -> bytes:
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(address, f"{declared} bytes declared", max_bytes)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(address, f"{len(body)} bytes and more", max_bytes)
    if not body:
        raise EventFetchError(f"{address} is empty")
    return bytes(body)


def _refuse_untrusted(address: Address, error: BaseException | None) -> None:
    """Raise where a certificate is behind *error*: trying again does not cure that."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            raise EventFetchError(
                f"{address}: its certificate is not trusted: {error.verify_message}"
            ) from error
        error = error.__cause__ or error.__context__


def _too_large(address: Address, got: str, max_bytes: int) -> EventFetchError:
    return EventFetchError(
        f"{address} is too large: got {got}, wanted at most {max_bytes}; raise "
        "events.fetch_max_bytes if such pictures are meant"
    )
