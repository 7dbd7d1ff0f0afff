"""A picture in a file: a plain one, within an allowed folder when all links are followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ..errors import EventFetchError
from .address import Address


def read_file(address: Address, allowed: Sequence[Address], *, max_bytes: int) -> bytes:
    """Return the file's bytes.

    Raises:
        EventFetchError: it is not there, not a regular file, too large, or a link out of the folder.
    """
    path = _path(address)
    try:
        real = path.resolve(strict=True)
        _refuse_outside(address, real, allowed)
        # Not blocking: a pipe in the folder must not hold the thread. No link: it was followed.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
        raise EventFetchError(f"{address} cannot be read: {error}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise EventFetchError(f"{address} is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if not 0 < len(content) <= max_bytes:
        raise EventFetchError(
            f"{address} is empty or too large: got {real.stat().st_size} bytes, wanted 1 to "
            f"{max_bytes} (events.fetch_max_bytes)"
        )
    return content


def _refuse_outside(address: Address, real: Path, allowed: Sequence[Address]) -> None:
    folders = [_path(one).resolve() for one in allowed if one.scheme == "file"]
    if not any(real.is_relative_to(folder) for folder in folders):
        raise EventFetchError(f"{address} leads out of the folders in events.fetch_allow")


def _path(address: Address) -> Path:
    return Path("/", *address.names)
