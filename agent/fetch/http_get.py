"""One GET over HTTP: to an address that was looked up and checked first, within a time in all.

The name is looked up here, and the connection made to the address that was checked: looked up a
second time by the client, the name could by then lead elsewhere.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection

from ..errors import EventFetchError
from .address import Address, IpAddress, IpNetwork, is_private

_CHUNK_BYTES = 65536
_OK, _TOO_MANY, _SERVER_ERROR = 200, 429, 500
_MOVED = (301, 302, 303, 307, 308)
_REQUEST_TIMEOUT = 408
_NO_HEADERS: Mapping[str, str] = {}


class Away(Exception):
    """The other side does not answer now; it may later."""


class Moved(Exception):
    """The other side says that it lies at *location*."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def get(
    address: Address,
    *,
    networks: Sequence[IpNetwork],
    max_bytes: int,
    timeout_seconds: float,
    ca_file: str | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> bytes:
    """Return the body.

    Raises:
        Away: no answer in time, or one that may be another later.
        Moved: a redirect, which the caller judges.
        EventFetchError: an answer that stays, a body that is too large, an address that is private.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        host = _look_up(address, networks)
        with _connected(address, host, deadline, ca_file) as connection:
            body = _exchange(address, connection, headers, max_bytes)
        if time.monotonic() >= deadline:  # hung up, which without a length looks like an end
            raise TimeoutError
    except ssl.SSLCertVerificationError as error:
        raise EventFetchError(
            f"{address}: its certificate is not trusted: {error.verify_message}"
        ) from error
    except (HTTPException, OSError, ValueError) as error:
        late = time.monotonic() >= deadline
        words = f"no whole answer in {timeout_seconds:g} s" if late else str(error) or repr(error)
        raise Away(words) from error
    return body


def _exchange(
    address: Address, connection: HTTPConnection, headers: Mapping[str, str], max_bytes: int
) -> bytes:
    connection.request(
        "GET",
        address.target,
        headers={
            "Accept-Encoding": "identity",  # a compressed body could be a bomb
            "User-Agent": "driftgauge",
            **headers,
        },
    )
    with connection.getresponse() as response:
        _judge(address, response)
        return _body(address, response, max_bytes)


def _body(address: Address, response: HTTPResponse, max_bytes: int) -> bytes:
    if (response.length or 0) > max_bytes:
        raise _too_large(address, f"{response.length} bytes declared", max_bytes)
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(address, f"{len(body)} bytes and more", max_bytes)
    if response.length:
        raise Away(f"the body ended {response.length} bytes too early")
    if not body:
        raise EventFetchError(f"{address} is empty")
    return bytes(body)


def _judge(address: Address, response: HTTPResponse) -> None:
    status = response.status
    if status in _MOVED:
        raise Moved(response.headers.get("location") or "")
    if status in (_TOO_MANY, _REQUEST_TIMEOUT) or status >= _SERVER_ERROR:
        raise Away(f"it answers {status}")
    if status != _OK:
        raise EventFetchError(f"{address} answers {status}, wanted 200")
    if (response.headers.get("content-encoding") or "identity").lower() != "identity":
        raise EventFetchError(f"{address} is compressed on its way, which is refused")


def _look_up(address: Address, networks: Sequence[IpNetwork]) -> IpAddress:
    """Return the address to connect to, once all that the name stands for are allowed."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Away(f"the name {address.host} cannot be looked up now") from error
        raise EventFetchError(f"{address}: the name is not known: {error.strerror}") from error
    except UnicodeError as error:
        raise EventFetchError(f"{address}: the name is none") from error
    hosts = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for host in hosts:
        if is_private(host) and not any(host in network for network in networks):
            raise EventFetchError(
                f"{address} leads to {host}, which is not on the public internet; allow its "
                "network in events.fetch_networks if it is meant"
            )
    return hosts[0]


@contextlib.contextmanager
def _connected(
    address: Address, host: IpAddress, deadline: float, ca_file: str | None
) -> Iterator[HTTPConnection]:
    """Give a connection to *host* that is hung up at *deadline*, also while it greets.

    A socket's time-out begins anew with each byte that drips in, so a timer hangs up; by a second
    handle, since the first changes hands.
    """
    left = max(0.001, deadline - time.monotonic())
    raw = socket.create_connection((str(host), address.port), timeout=left)
    second = raw.dup()
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _hang_up, (second,))
    timer.daemon = True
    timer.start()
    connection = HTTPConnection(address.host, address.port, timeout=left)
    connection.sock = raw
    try:
        if address.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            connection.default_port = HTTPSConnection.default_port
            connection.sock = context.wrap_socket(raw, server_hostname=address.host)
        yield connection
    finally:
        timer.cancel()
        connection.close()
        raw.close()
        second.close()


def _hang_up(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # gone already
        handle.shutdown(socket.SHUT_RDWR)


def _too_large(address: Address, got: str, max_bytes: int) -> EventFetchError:
    return EventFetchError(
        f"{address} is too large: got {got}, wanted at most {max_bytes}; raise "
        "events.fetch_max_bytes if such pictures are meant"
    )
