"""A picture in an object store, through fsspec; it finds its credentials in the environment."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...extras import install_command
from ..errors import EventFetchError, MissingPackage
from .address import Address
from .away import Away

_CONNECT_SECONDS = 3


def read_object(address: Address, *, max_bytes: int, timeout_seconds: float) -> bytes:
    """Return the object's bytes.

    Raises:
        Away: the store does not answer in time.
        EventFetchError: the object is not there, not for us, or too large.
        MissingPackage: s3fs is not installed.
    """
    store = _store(timeout_seconds)
    path = "/".join((address.host, *address.names))
    try:
        content: bytes = store.cat_file(path, start=0, end=max_bytes + 1, timeout=timeout_seconds)
    except (FileNotFoundError, PermissionError, ValueError) as error:
        raise EventFetchError(f"{address} cannot be read: {error}") from error
    except Exception as error:  # any: the store's client has dozens of kinds, and time-outs
        raise Away(f"the store failed with {error!r:.200}") from error
    if not 0 < len(content) <= max_bytes:
        raise EventFetchError(
            f"{address} is empty or too large: wanted 1 to {max_bytes} bytes "
            "(events.fetch_max_bytes)"
        )
    return content


@cache
def _store(timeout_seconds: float) -> Any:
    try:
        from s3fs import S3FileSystem
    except ImportError as error:
        raise MissingPackage(
            "events.fetch_allow has an s3 address, and the package s3fs is not installed",
            hint=install_command("s3"),
        ) from error
    store = S3FileSystem(
        default_cache_type="none",
        use_listings_cache=False,
        skip_instance_cache=True,
        config_kwargs={
            "connect_timeout": min(_CONNECT_SECONDS, timeout_seconds),
            "read_timeout": timeout_seconds,
            "retries": {"max_attempts": 1},
        },
    )
    store.retries = 1  # tries are counted by who calls
    return store
