"""Posts JSON to a receiver and says why it was not taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType

import httpx

from ..errors import NotificationUndelivered
from .unsaid import without_address

TIMEOUT_SECONDS = 10.0
_MAX_ANSWER_BYTES = 800
_MAX_ANSWER_CHARACTERS = 200
_MAX_RETRY_AFTER_SECONDS = 3600.0


class Poster:
    """Posts to one address; its connection is kept. Close it, or use it as a context manager.

    Args:
        receiver: what the errors call it; never the address, which may hold a secret.
    """

    def __init__(
        self, receiver: str, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._receiver = receiver
        self._url = url
        self._client = httpx.Client(timeout=timeout_seconds, follow_redirects=False)

    def __enter__(self) -> Poster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Return when the receiver answered that it took *body*.

        Raises:
            NotificationUndelivered: it did not answer, or answered with another status than 2xx.
        """
        kinds = {"Content-Type": "application/json"}
        try:
            with self._client.stream(
                "POST", self._url, content=body, headers={**kinds, **headers}
            ) as answer:
                said = "" if answer.is_success else without_address(_beginning(answer), self._url)
        except httpx.HTTPError as error:
            raise NotificationUndelivered(
                f"{self._receiver} cannot be reached: {reason_of(error)}"
            ) from None  # its message may hold the address
        if not answer.is_success:
            raise NotificationUndelivered(
                f"{self._receiver} answered {answer.status_code} {answer.reason_phrase}"
                + (f": {said}" if said else ""),
                retry_after_seconds=retry_after(answer.headers.get("Retry-After", "")),
            )

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._client.close()


def _beginning(answer: httpx.Response) -> str:
    """Return the first characters of an answer, and read no more of it."""
    read = b""
    for part in answer.iter_bytes(_MAX_ANSWER_BYTES):
        read += part
        if len(read) >= _MAX_ANSWER_BYTES:
            break
    text = read.decode(errors="replace")
    return "".join(c for c in text if c.isprintable())[:_MAX_ANSWER_CHARACTERS]


def retry_after(value: str, *, now: datetime | None = None) -> float:
    """Return the seconds that a ``Retry-After`` header asks for, at most an hour; 0 without one.

    >>> retry_after("120"), retry_after(""), retry_after("soon")
    (120.0, 0.0, 0.0)
    """
    if value.strip().isdigit():
        return min(float(value), _MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def reason_of(error: httpx.HTTPError) -> str:
    """Return why a request failed, without its address."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    cause = error.__cause__ or error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return str(cause) or type(error).__name__
