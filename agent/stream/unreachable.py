"""What to say when a cluster cannot be reached: the client's exceptions do not name the cause."""

from __future__ import annotations

import re

from ..errors import SourceRefused, SourceUnavailable
from .connection import KafkaConnection

_NO_LOGIN = "the user name or the password is wrong"
_NO_TOKEN = "the broker does not accept the token: its issuer, audience or scope"
_NO_CERTIFICATE = "the broker requires a certificate of this agent: certificate_file, key_file"
_REFUSALS = {
    "CERTIFICATE_VERIFY_FAILED": "the broker's certificate is not signed by an authority in "
    "ca_file, or is another host's",
    "BAD_CERTIFICATE": _NO_CERTIFICATE,
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "EOF occurred in violation": "the broker does not speak TLS at this port",
    "WRONG_VERSION_NUMBER": "the broker does not speak TLS at this port",
    "Invalid frame length": "the broker expects TLS at this port, or it is not Kafka's",
    "token request failed": "the token endpoint returned no token",
    "SaslAuthenticationFailed": _NO_LOGIN,
    "IllegalSaslState": "the broker does not use SASL login at this port",
    "UnsupportedSaslMechanism": "the broker does not offer this sasl_mechanism",
    "PEM lib": "key_password does not open key_file",
    "KEY_VALUES_MISMATCH": "key_file is not the key of certificate_file",
    "No such file": "ca_file, certificate_file or key_file is not there",
}
"""What the client's words for an answer mean for the settings."""
_HUNG_UP = {
    "PLAINTEXT": "the broker closed the connection: it expects TLS or a login at this port",
    "SSL": f"the broker closed the connection: {_NO_CERTIFICATE}",
    "SASL_PLAINTEXT": f"the broker closed the connection: {_NO_LOGIN}, or it does not offer this sasl_mechanism",
    "SASL_SSL": f"the broker closed the connection: {_NO_LOGIN}, or it does not offer this sasl_mechanism",
}
"""What it most likely means when there is no answer: the client drops one that comes together with
the end of the connection, as that to a wrong password does."""
_ABSENT = {
    "ECONNREFUSED": "connection refused, nothing listens at this address",
    "DNS": "the host name cannot be resolved (DNS)",
    "EHOSTUNREACH": "no route to the host",
    "ENETUNREACH": "no route to the network",
    "ECONNRESET": "the connection was reset",
    "timed out": "no answer in time, a firewall may drop the packets",
    "KafkaTimeoutError": "no answer in time",
}
"""Causes of a missing answer."""
_CAUSE = re.compile(r"failed: (?:Kafka\w+: )?(?P<cause>.*?)(?: \(backoff [\d.]+ secs\))?$")
_CUT_SHORT = ("timed out", "KafkaTimeoutError")
"""The last try is, when the time is over."""


def unreachable(
    connection: KafkaConnection,
    purpose: str,
    error: Exception,
    lines: list[str],
    advertised: list[str],
) -> SourceUnavailable:
    """Return the failure to *purpose*, in one line with the address and the cause.

    Args:
        error: the client's.
        lines: what its log said meanwhile.
        advertised: where the brokers say that they are reached; none when none has answered.
    """
    servers = ", ".join(connection.bootstrap_servers)
    cause = _last_cause(lines) or str(error)
    meaning = _meaning(connection, cause)
    said = f"{meaning} ({cause})" if meaning else cause
    elsewhere = [address for address in advertised if address not in connection.bootstrap_servers]
    if elsewhere and any(words in cause for words in _ABSENT):
        where = ", ".join(elsewhere)
        return SourceUnavailable(
            f"cannot {purpose}: the broker at {servers} answers, but its advertised.listeners "
            f"redirect clients to {where}, which fails from here: {said}",
            hint=f"set advertised.listeners on the broker to an address that this machine can reach, "
            f"or make {where} resolvable and reachable from it",
        )
    kind = SourceRefused if is_refusal(connection, cause) else SourceUnavailable
    return kind(
        f"cannot {purpose} at {servers} over {connection.security_protocol}: {said}",
        hint="check bootstrap_servers, security_protocol, the certificate and the password in "
        "[kafka]",
    )


def is_refusal(connection: KafkaConnection, cause: str) -> bool:
    """Return whether *cause* is an answer, so that trying again will not help."""
    return _found(_refusals(connection), cause) is not None


def _last_cause(lines: list[str]) -> str | None:
    found = [match["cause"] for line in lines if (match := _CAUSE.search(line))]
    causes = [
        cause for cause in found if "Unable to bootstrap" not in cause and cause != "Cancelled"
    ]
    answers = [cause for cause in causes if not any(words in cause for words in _CUT_SHORT)]
    return next(reversed(answers or causes), None)


def _meaning(connection: KafkaConnection, cause: str) -> str | None:
    return _found(_refusals(connection) | _ABSENT, cause)


def _refusals(connection: KafkaConnection) -> dict[str, str]:
    """Return what the words mean here; a token is refused in the words of a password."""
    known = _REFUSALS | {"socket disconnected": _HUNG_UP[connection.security_protocol]}
    if connection.oauth is not None:
        known |= {
            "SaslAuthenticationFailed": _NO_TOKEN,
            "socket disconnected": f"the broker closed the connection: {_NO_TOKEN}",
        }
    return known


def _found(known: dict[str, str], cause: str) -> str | None:
    return next((meaning for words, meaning in known.items() if words in cause), None)
