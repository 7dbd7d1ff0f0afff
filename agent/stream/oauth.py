"""OAUTHBEARER: tokens by client credentials (RFC 6749, section 4.4), fresh whenever Kafka asks.

One POST and a JSON answer need no library of their own. kafka-python asks in its network thread, at
each connection and before the broker's session ends, so a token is kept and renewed early.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from kafka.net.sasl.oauth import AbstractTokenProvider

from ..errors import SourceUnavailable
from ..log import action

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
"""Below a session's time-out: the network thread sends no heartbeats while it waits."""
MAX_ANSWER_BYTES = 64 * 1024
DEFAULT_LIFETIME_SECONDS = 300.0
_RENEW_AT = 0.7
"""Share of its life after which a token is renewed; kafka-python logs in again at 0.85 to 0.95."""
_RETRY_SECONDS = 10.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """Who asks where for tokens.

    Attributes:
        scope: asked for when it is not None.
        ca_file: of the endpoint's authority; None is the system's.
        extensions: ``name=value`` pairs that go to the broker with the token.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    ca_file: str | None = None
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float
    ends_at: float


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc] # kafka-python has no types
    """Keeps one token and renews it before it ends. Safe in every thread.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(
        self, client: OAuthClient, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: _Token | None = None

    def token(self) -> str:
        """Return a token that is valid now.

        Raises:
            SourceUnavailable: there is none, and the endpoint gives none.
        """
        with self._lock:
            now = self._monotonic()
            held = self._held
            if held is None or now >= held.renew_at:
                held = self._renewed(held, now)
                self._held = held
            return held.text

    def extensions(self) -> dict[str, str]:
        """Return what goes to the broker with the token."""
        pairs = (extension.partition("=") for extension in self._client.extensions)
        return {name: value for name, _, value in pairs}

    def _renewed(self, held: _Token | None, now: float) -> _Token:
        try:
            text, lifetime = fetch_token(self._client)
        except SourceUnavailable as error:
            if held is None or now >= held.ends_at:
                raise
            log.warning(
                "%s; the old token is used for another %.0f s", error, held.ends_at - now,
                extra=action("token_not_renewed", seconds=held.ends_at - now),
            )  # fmt: skip
            return _Token(held.text, now + _RETRY_SECONDS, held.ends_at)
        return _Token(text, now + _RENEW_AT * lifetime, now + lifetime)


@lru_cache(maxsize=8)
def token_provider(client: OAuthClient) -> ClientCredentials:
    """Return the provider of *client*: its consumer and its producers share one token."""
    return ClientCredentials(client)


def fetch_token(client: OAuthClient) -> tuple[str, float]:
    """Ask the endpoint once; return a token and its lifetime in seconds.

    Raises:
        SourceUnavailable: the endpoint refuses, does not answer, or answers something else.
    """
    try:
        with _opener(client).open(_request(client), timeout=TIMEOUT_SECONDS) as answer:
            return _parsed(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            why = f"HTTP {error.code}{_reason(error.read(MAX_ANSWER_BYTES))}"
    except urllib.error.URLError as error:
        why = str(error.reason)
    except (OSError, ValueError) as error:
        why = str(error)
    raise SourceUnavailable(
        f"token request failed: {_place(client.token_url)}: "
        + why.replace(client.client_secret, "***"),
        hint="check oauth_token_url, oauth_client_id, oauth_client_secret and oauth_scope",
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the secret to another place: it is an error instead."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener(client: OAuthClient) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=client.ca_file)
    return urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))


def _request(client: OAuthClient) -> urllib.request.Request:
    asked = {"grant_type": "client_credentials"}
    if client.scope is not None:
        asked["scope"] = client.scope
    pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    return urllib.request.Request(
        client.token_url,
        data=urlencode(asked).encode(),
        headers={
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
    )


def _parsed(body: bytes) -> tuple[str, float]:
    """Return token and lifetime; raise ValueError, without the answer's words, if it is none."""
    try:
        answer = json.loads(body)
        text = answer["access_token"]
        lifetime = float(answer.get("expires_in", DEFAULT_LIFETIME_SECONDS))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("the answer is not JSON with an access_token") from None
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise ValueError("the access_token is not a bearer token")
    if not lifetime > 0:
        raise ValueError(f"the token has already expired: expires_in is {lifetime:g}")
    return text, lifetime


def _reason(body: bytes) -> str:
    """Return the error that RFC 6749, section 5.2, wants in the answer."""
    try:
        error = json.loads(body)
        words = [str(error[name]) for name in ("error", "error_description") if name in error]
    except (ValueError, TypeError):
        return ""
    return "".join(f", {word[:200]}" for word in words)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
