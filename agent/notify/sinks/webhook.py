"""A webhook in the form that Alertmanager sends, version 4, signed.

The header ``Idempotency-Key`` is the same for every attempt at one notice. With a secret, the header
``Driftgauge-Signature`` is ``t=SECONDS,v1=HEX``: HMAC-SHA-256 of ``SECONDS.BODY``. A receiver refuses
an old time, and so a replay.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from ...ports import Clock
from ..alertmanager_form import summary_body, webhook_body
from ..notice import Notice
from ..post import Poster
from ..summary import Summary

REPLAY_SECONDS = 300
"""A message that is older is refused: it may be a replay."""


class WebhookSink:
    """Posts each notice to one address."""

    name = "webhook"
    is_for_people = True

    def __init__(self, url: str, secret: str, clock: Clock) -> None:
        self._poster = Poster(self.name, url)
        self._secret = secret
        self._clock = clock

    def send(self, notice: Notice) -> None:
        """Return when the receiver answered 2xx."""
        self._post(webhook_body([notice]), notice.key)

    def send_summary(self, summary: Summary) -> None:
        """Return when the receiver answered 2xx."""
        self._post(summary_body(summary), summary.key)

    def _post(self, message: dict[str, Any], key: str) -> None:
        body = json.dumps(message).encode()
        headers = {"Idempotency-Key": key}
        if self._secret:
            seconds = int(self._clock.now().timestamp())
            headers["Driftgauge-Signature"] = signature(self._secret, seconds, body)
        self._poster.post(body, headers)

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return what proves that *body* was sent at *seconds* since 1970 by who knows *secret*.

    >>> signature("s", 1, b"{}")[:12]
    't=1,v1=b2536'
    """
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"


def is_signed(secret: str, header: str, body: bytes, *, now: float | None = None) -> bool:
    """Return whether *header* proves that *body* was sent by who knows *secret*, and not long ago.

    >>> is_signed("s", signature("s", 100, b"{}"), b"{}", now=130.0)
    True
    >>> is_signed("s", signature("s", 100, b"{}"), b"{}", now=900.0)
    False
    """
    written = header.partition(",")[0].removeprefix("t=")
    if not written.isdigit():
        return False
    age = abs((time.time() if now is None else now) - int(written))
    proof = signature(secret, int(written), body)
    return age <= REPLAY_SECONDS and hmac.compare_digest(proof.encode(), header.encode())
