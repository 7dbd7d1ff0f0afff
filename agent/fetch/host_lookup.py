"""Resolves a host name, within a time limit, and checks every address of it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Sequence
from typing import Any

from ..errors import EventFetchError
from .address import Address, IpAddress, IpNetwork, is_private
from .away import Away


async def look_up(address: Address, networks: Sequence[IpNetwork]) -> list[IpAddress]:
    """Return the addresses to connect to, in the resolver's order, once all of them are allowed.

    Args:
        networks: private networks that are allowed.

    Raises:
        Away: the name cannot be resolved now.
        EventFetchError: there is no such name, or one of its addresses is not allowed.
    """
    try:
        found = await _resolved(address.host, address.port)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Away(f"the name {address.host} cannot be resolved now") from error
        raise EventFetchError(f"{address}: the host name is unknown: {error.strerror}") from error
    except UnicodeError as error:
        raise EventFetchError(f"{address}: not a valid host name") from error
    names = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    hosts = [ipaddress.ip_address(name) for name in names]
    for host in hosts:
        if is_private(host) and not any(host in network for network in networks):
            raise EventFetchError(
                f"{address} leads to {host}, which is not on the public internet; allow its "
                "network in events.fetch_networks if this is intended"
            )
    return hosts


async def _resolved(host: str, port: int) -> Sequence[Any]:
    """Return what the system's resolver says, which has no time-out of its own that can be set.

    It runs in a thread that nobody waits for: neither a fetch whose time is over, nor a process that
    ends, for which the threads of an executor would be joined.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[Any]] = loop.create_future()

    def tell(result: Sequence[Any] | None, error: Exception | None) -> None:
        if found.done():  # given up
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(result or ())

    def resolve() -> None:
        result, failure = None, None
        try:
            result = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=resolve, name="host-lookup", daemon=True).start()
    return await found
