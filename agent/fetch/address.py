"""URLs of pictures, and which of them the settings allow."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ..errors import EventFetchError

SCHEMES = ("file", "http", "https", "s3")

_MAX_CHARACTERS = 2048
_PORTS = {"http": 80, "https": 443}
_WORST_PORT = 65535

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Address:
    """An address in parts.

    Attributes:
        host: in small letters; the bucket of s3; empty for a file.
        port: 0 where the scheme has none.
        path: as written, percent signs and all, without the question.
        query: what follows the question mark.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    def __str__(self) -> str:
        """Return it for a message: the question is left out, since it may hold a signature."""
        return f"{self.place}{self.path}{'?...' if self.query else ''}"

    @property
    def url(self) -> str:
        """Return it as it is."""
        return f"{self.place}{self.path}{f'?{self.query}' if self.query else ''}"

    @property
    def authority(self) -> str:
        """Return host and port, as the header ``Host`` names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port not in (0, _PORTS.get(self.scheme)) else ""
        return f"{host}{port}"

    @property
    def place(self) -> str:
        """Return what is away when one of its addresses is."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """Return path and question, as a request names them."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")

    @property
    def names(self) -> list[str]:
        """Return the path's parts, decoded, without empty ones."""
        return [name for name in unquote(self.path).split("/") if name]

    def is_below(self, allowed: Address) -> bool:
        """Return whether it is *allowed* itself or below it, by whole names of folders."""
        same_place = (self.scheme, self.host, self.port) == (
            *(allowed.scheme, allowed.host, allowed.port),
        )
        wanted = allowed.names
        return same_place and self.names[: len(wanted)] == wanted


def parse_address(text: str) -> Address:
    """Return the parts of an address; what could be read in two ways is refused.

    Raises:
        EventFetchError: it is not one of file, http, https, s3; or has a user name, a fragment, a
            backslash, control characters, or a path that climbs.
    """
    if len(text) > _MAX_CHARACTERS or not text.isascii() or not text.isprintable():
        raise _refused(text, f"it must be at most {_MAX_CHARACTERS} plain characters")
    if " " in text or "\\" in text or "#" in text:
        raise _refused(text, "it must have no space, backslash or fragment")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _refused(text, str(error)) from error
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in SCHEMES:
        raise _refused(text, f"its scheme must be one of {', '.join(SCHEMES)}")
    if parts.username is not None or parts.password is not None:
        raise _refused(text, "it must have no user name")
    if scheme == "file":
        host = "" if host == "localhost" else host
    if bool(host) == (scheme == "file") or "%" in host:
        raise _refused(text, "a file has no host, and the others must have one")
    _refuse_climbing(text, parts.path)
    return Address(scheme, host, port or _PORTS.get(scheme, 0), parts.path, parts.query)


def is_private(address: IpAddress) -> bool:
    """Return whether an address is not on the public internet, also when it hides in another.

    >>> is_private(ipaddress.ip_address("::ffff:10.0.0.1"))
    True
    >>> is_private(ipaddress.ip_address("9.9.9.9"))
    False
    """
    inner = _inner(address)
    if inner is not None:
        return is_private(inner)
    return not address.is_global or address.is_multicast or address.is_reserved


def _inner(address: IpAddress) -> IpAddress | None:
    """Return the IPv4 address within an IPv6 one: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _refuse_climbing(text: str, path: str) -> None:
    """Refuse paths that a server or a file system may read as another than the allow-list did."""
    decoded = unquote(path)
    if "%" in decoded or "\\" in decoded or not decoded.isprintable():
        raise _refused(text, "its path is encoded twice, or has control characters")
    names = decoded.split("/")
    if any(name.partition(";")[0] in (".", "..") for name in names):
        raise _refused(text, "its path must not climb with dots")
    if len(names) != path.count("/") + 1 or "" in names[1:-1]:
        raise _refused(text, "its path must not hide or double a slash")


def _refused(text: str, reason: str) -> EventFetchError:
    return EventFetchError(f"the address {text[:120].partition('?')[0]!r} is refused: {reason}")
