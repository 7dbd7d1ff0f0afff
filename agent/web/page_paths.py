"""Where pages lie: their addresses, with names from outside written so that they stay names."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def path_to(stream: str, *parts: object, **query: object) -> str:
    """Return the address of a page of *stream*.

    >>> path_to("line-3", "segment", name="camera=3/a b")
    '/streams/line-3/segment?name=camera%3D3%2Fa+b'
    """
    path = "/".join(quote(str(part), safe="") for part in ("streams", stream, *parts))
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return f"/{path}?{urlencode(given)}" if given else f"/{path}"
