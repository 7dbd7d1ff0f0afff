"""A token endpoint on loopback: it gives signed tokens for the right client, and can be made to fail."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT, SECRET = "agent", "s3cret/with:odd characters"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def signing_keys() -> str:
    """Return the public key as a JSON Web Key Set."""
    numbers = _key().public_key().public_numbers()
    key = {"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig"}
    return json.dumps({"keys": [key | {"n": _number(numbers.n), "e": _number(numbers.e)}]})


def signed_token(*, lifetime_seconds: float, audience: str = "kafka") -> str:
    """Return a JSON Web Token that a broker with `signing_keys` accepts."""
    now = int(time.time())
    claims = {"sub": CLIENT, "aud": audience, "scope": "kafka", "iat": now}
    parts = [{"alg": "RS256", "kid": "1"}, claims | {"exp": now + 1 + round(lifetime_seconds)}]
    text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_base64(_key().sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


@dataclass
class TokenEndpoint:
    """What it answers, and what it was asked.

    Attributes:
        answers: taken first, in order: status, headers and body, instead of a token.
        asked: every form that was sent.
    """

    lifetime_seconds: float = 3600.0
    audience: str = "kafka"
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, authorization: str, form: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(parse_qs(form))
        if self.answers:
            return self.answers.pop(0)
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if tuple(map(unquote, pair.split(":"))) != (CLIENT, SECRET):
            return 401, {}, b'{"error": "invalid_client", "error_description": "not you"}'
        token = signed_token(lifetime_seconds=self.lifetime_seconds, audience=self.audience)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_seconds}
        return 200, {}, json.dumps(body).encode()


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """Serve one on a free port."""
    endpoint = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, headers, body = endpoint.answer(self.headers["Authorization"], form)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/token"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
