"""What is read of a request: its form, what kind of answer it wants, and where it leads back to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from .errors import RequestUnusable

if TYPE_CHECKING:
    from starlette.requests import Request

JSON = "application/json"
MAX_FORM_BYTES = 16 * 1024


def wants_json(request: Request) -> bool:
    """Return whether a program asks."""
    return JSON in request.headers.get("accept", "")


def place_of(request: Request) -> str:
    """Return the address of the page, without the host."""
    return f"{request.url.path}?{request.url.query}".rstrip("?")


def peer_of(request: Request) -> str:
    """Return the address at the other end of the connection."""
    return str(request.client.host) if request.client else ""


def is_local(path: str) -> bool:
    r"""Return whether a browser that is led to *path* stays here.

    >>> is_local("/streams/a"), is_local("//evil"), is_local("/\\evil")
    (True, False, False)
    """
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; each has one value."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise RequestUnusable(f"the form is larger than {MAX_FORM_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except (UnicodeDecodeError, ValueError):
        raise RequestUnusable("the form cannot be read") from None
