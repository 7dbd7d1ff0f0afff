"""Who may look and who may change: a token that signs in, or a proxy that says who signed in there.

A form that changes something needs three things: a person; a request that the browser sent from these
pages (``Sec-Fetch-Site`` or ``Origin``); and the word that was put into the form for that person.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import ChangeRefused

COOKIE = "driftgauge"
SESSION_SECONDS = 12 * 3600
_MOST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who asks.

    Attributes:
        name: as it is written beside what they do.
        form_word: what their forms carry.
        by_proxy: whether a proxy said so, where one signs out as well.
    """

    name: str
    form_word: str
    by_proxy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """Decides who a request is from.

    Args:
        token: who knows it may sign in; None for nobody.
        user_header: in which a proxy names who signed in there; empty for no proxy.
        trusted_proxies: addresses and networks from which the header is believed.
        needs_person: whether one must have signed in to look as well.
    """

    token: str | None = None
    user_header: str = ""
    trusted_proxies: Sequence[str] = ()
    needs_person: bool = False
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def lets_change(self) -> bool:
        """Whether anybody can change anything."""
        return bool(self.token or self.user_header)

    def person(self, headers: Mapping[str, str], cookie: str, peer: str) -> Person | None:
        """Return who asks; None for somebody unknown.

        Args:
            headers: of the request, by names in lower case.
            cookie: the one named `COOKIE`; empty for none.
            peer: the address at the other end of the connection.
        """
        if self.user_header and self.is_trusted(peer):
            name = headers.get(self.user_header.lower(), "").strip()[:_MOST_NAME]
            if name:
                return Person(name=name, form_word=self._sign("form", name), by_proxy=True)
        name = self._name_of(cookie)
        if name:
            return Person(name=name, form_word=self._sign("form", cookie), by_proxy=False)
        return None

    def is_trusted(self, peer: str) -> bool:
        """Return whether *peer* is one of the proxies."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks())

    def sign_in(self, form: Mapping[str, str], headers: Mapping[str, str], host: str) -> str:
        """Return a cookie's value for who gave the right token; raise ChangeRefused otherwise."""
        name = form.get("name", "").strip()[:_MOST_NAME]
        if self.token is None:
            raise ChangeRefused("nobody can sign in: the setting web.token is not set")
        if not is_own_site(headers, host):
            raise ChangeRefused("the form was sent by a page of another site")
        if not hmac.compare_digest(form.get("token", "").encode(), self.token.encode()):
            raise ChangeRefused("the token is not the one in the setting web.token")
        if not name:
            raise ChangeRefused("give your name: it is written beside what you do")
        until = str(int(time.time()) + SESSION_SECONDS)
        body = f"{until}.{name.encode().hex()}"
        return f"{body}.{self._sign('session', body)}"

    def check_form(
        self, person: Person | None, headers: Mapping[str, str], word: str, host: str
    ) -> Person:
        """Return who may change; raise ChangeRefused for anybody else, or from another site's page."""
        if person is None:
            raise ChangeRefused("sign in first: changes are made in somebody's name")
        if not is_own_site(headers, host):
            raise ChangeRefused("the form was sent by a page of another site")
        if not hmac.compare_digest(word.encode(), person.form_word.encode()):
            raise ChangeRefused("the form is of an earlier session; load the page again")
        return person

    def _name_of(self, cookie: str) -> str:
        body, _, signature = cookie.rpartition(".")
        if self.token is None or not hmac.compare_digest(
            signature.encode(), self._sign("session", body).encode()
        ):
            return ""
        until, _, name = body.partition(".")
        return bytes.fromhex(name).decode() if int(until) > time.time() else ""

    def _sign(self, purpose: str, text: str) -> str:
        """Return a signature; with a token it is the same in every process that has it."""
        key = (
            hashlib.sha256(b"driftgauge " + self.token.encode()).digest()
            if self.token
            else self._key
        )
        return hmac.new(key, f"{purpose} {text}".encode(), hashlib.sha256).hexdigest()

    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [ipaddress.ip_network(one, strict=False) for one in self.trusted_proxies]


def is_own_site(headers: Mapping[str, str], host: str) -> bool:
    """Return whether a browser sent the request from a page of this host; without a sign of it, no.

    >>> is_own_site({"sec-fetch-site": "same-origin"}, "a"), is_own_site({"origin": "http://b"}, "a")
    (True, False)
    """
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from == "same-origin"
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == host
