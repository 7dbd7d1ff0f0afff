"""Tokens are kept, renewed early, and never seen; a real endpoint on loopback gives them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from kafka.errors import KafkaTimeoutError  # noqa: TID251 - what the client raises

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import SourceRefused, SourceUnavailable
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.kafka_client import explaining
from driftgauge.agent.stream.oauth import ClientCredentials, OAuthClient, fetch_token

from ...token_endpoint import CLIENT, SECRET, TokenEndpoint, token_endpoint


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as running:
        yield running


@pytest.fixture
def client(endpoint: TokenEndpoint) -> OAuthClient:
    return OAuthClient(token_url=endpoint.url, client_id=CLIENT, client_secret=SECRET)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


def refusal(client: OAuthClient) -> str:
    with pytest.raises(SourceUnavailable) as caught:
        fetch_token(client)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_token_is_asked_for_once_and_renewed_before_it_ends(
    endpoint: TokenEndpoint, client: OAuthClient, clock: ManualClock
) -> None:
    endpoint.lifetime_seconds = 100
    provider = ClientCredentials(client, monotonic=clock.monotonic)
    first = provider.token()
    clock.sleep(69)
    assert provider.token() == first
    assert len(endpoint.asked) == 1
    clock.sleep(2)
    provider.token()
    assert endpoint.asked == 2 * [{"grant_type": ["client_credentials"]}]


def test_a_scope_and_extensions_are_sent_when_they_are_set(
    endpoint: TokenEndpoint, client: OAuthClient
) -> None:
    client = replace(client, scope="kafka read", extensions=("logicalCluster=lkc-1", "pool=a=b"))
    provider = ClientCredentials(client)
    provider.token()
    assert endpoint.asked[0]["scope"] == ["kafka read"]
    assert provider.extensions() == {"logicalCluster": "lkc-1", "pool": "a=b"}


def test_an_endpoint_that_is_away_costs_nothing_while_the_token_lives(
    endpoint: TokenEndpoint,
    client: OAuthClient,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint.lifetime_seconds = 100
    provider = ClientCredentials(client, monotonic=clock.monotonic)
    first = provider.token()
    clock.sleep(80)
    endpoint.answers = [(503, {}, b"busy")]
    assert provider.token() == first
    assert "HTTP 503; the old token is used for another 20 s" in caplog.text
    assert provider.token() == first
    assert len(endpoint.asked) == 2
    clock.sleep(21)
    endpoint.answers = [(503, {}, b"busy")]
    with pytest.raises(SourceUnavailable, match="HTTP 503"):
        provider.token()
    provider.token()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {}, b'{"error": "invalid_client"}'), "HTTP 401, invalid_client"),
        ((500, {}, b"<html>"), "HTTP 500"),
        ((302, {"Location": "http://elsewhere.example/"}, b""), "HTTP 302"),
        ((200, {}, b"<html>"), "the answer is not JSON with an access_token"),
        ((200, {}, b'{"access_token": "a b"}'), "the access_token is not a bearer token"),
        ((200, {}, b'{"access_token": "ab", "expires_in": 0}'), "already expired: expires_in is 0"),
        ((200, {}, b'{"access_token": "ab", "expires_in": "soon"}'), "the answer is not JSON"),
        ((400, {}, json.dumps({"error": SECRET}).encode()), r"HTTP 400, \*\*\*"),
    ],
)
def test_what_is_no_token_is_told_without_the_secret(
    endpoint: TokenEndpoint,
    client: OAuthClient,
    answer: tuple[int, dict[str, str], bytes],
    words: str,
) -> None:
    endpoint.answers = [answer]
    with pytest.raises(SourceUnavailable, match=f"token request failed: {endpoint.url}: .*{words}"):
        fetch_token(client)


def test_a_wrong_secret_is_not_repeated(client: OAuthClient) -> None:
    told = refusal(replace(client, client_secret="guess"))
    assert told.endswith("HTTP 401, invalid_client, not you")
    assert "guess" not in told


def test_nobody_at_the_endpoint_is_told() -> None:
    nowhere = OAuthClient(
        token_url="http://127.0.0.1:1/token?key=k3y", client_id=CLIENT, client_secret=SECRET
    )
    told = refusal(nowhere)
    assert "Connection refused" in told
    assert "k3y" not in told


def test_the_secret_is_not_in_the_clients_words(client: OAuthClient) -> None:
    assert SECRET not in repr(client)


def test_a_lifetime_that_is_not_told_is_taken_as_short(
    endpoint: TokenEndpoint, client: OAuthClient
) -> None:
    endpoint.answers = [(200, {}, b'{"access_token": "ab"}')]
    assert fetch_token(client) == ("ab", 300.0)


@pytest.mark.parametrize("heard", ["SaslAuthenticationFailedError: {}", "socket disconnected"])
def test_a_refused_token_is_not_called_a_wrong_password(client: OAuthClient, heard: str) -> None:
    """The broker's answer, or the end of the connection right behind it: one of them comes first."""
    connection = KafkaConnection(
        bootstrap_servers=("nowhere:1",), security_protocol="SASL_SSL", oauth=client
    )

    def connect() -> None:
        with explaining(connection, "read frames"):
            logging.getLogger("kafka.net").warning("Bootstrap attempt failed: %s", heard)
            raise KafkaTimeoutError("Unable to bootstrap")

    with pytest.raises(SourceRefused, match="the broker does not accept the token"):
        connect()
