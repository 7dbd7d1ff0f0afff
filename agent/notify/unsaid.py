"""Keeps what is secret in a receiver's address out of what the receiver answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_LEAST_CHARACTERS = 6
"""A shorter piece of an address is no secret, and may be any word."""


def without_address(said: str, address: str) -> str:
    """Return *said* without the pieces of *address* that may be a token or a password.

    Many servers repeat the path that they do not know, and a path is where webhooks have their token.

    >>> without_address("Cannot POST /hook/abcdef123", "https://hooks.example.com/hook/abcdef123")
    'Cannot POST /hook/***'
    >>> without_address("no such team: T0000AAAA", "slack://T0000AAAA/B0000BBBB/cccc")
    'no such team: ***'
    """
    pieces = {way for piece in _pieces(address) for way in (piece, unquote(piece), quote(piece))}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _LEAST_CHARACTERS:
            said = said.replace(piece, "***")
    return said


def _pieces(address: str) -> Iterator[str]:
    parts = urlsplit(address)
    yield from re.split(r"[/,;]", parts.path)
    yield from (value for _, value in parse_qsl(parts.query))
    yield from (word for word in (parts.username, parts.password) if word)
    if parts.scheme not in ("http", "https"):  # where a service's own scheme has its first token
        yield from re.split(r"[@:]", parts.netloc)
