"""The only way to build one of kafka-python's clients, and to call one that may fail to connect.

What the client has no setting for is done here: its log is kept out of ours, asking for a topic does
not create it, decompression is bounded, and what a failed constructor leaves open is closed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from ..log import action
from .codec import bound_decompression, codec_missing
from .connection import KafkaConnection
from .unreachable import is_refusal, unreachable

log = logging.getLogger(__name__)

REFUSED_SECONDS = 3.0
"""A client tries until its time is over, also where the answer is a refusal; after so long a refusal
ends it."""

_CLIENT = "kafka"


class _ClientLog(logging.Handler):
    """Repeats the client's warnings as our own debug lines.

    They repeat each other, are about tasks and sockets, and appear even if nothing is wrong. What an
    operator needs to know is in our own lines.
    """

    def emit(self, record: logging.LogRecord) -> None:
        log.debug("kafka-python: %s", record.getMessage(), extra=action("client_line"))


class _Heard(logging.Handler):
    """Keeps the client's last warnings: the cause of a failure is nowhere else.

    Args:
        when_refused: called in the client's thread for each refusal after some seconds.
    """

    def __init__(self, connection: KafkaConnection, when_refused: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection
        self._when_refused = when_refused
        self._since = time.monotonic()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self.lines = [*self.lines[-19:], line]
        is_refused = line.startswith("Bootstrap connection") and is_refusal(self._connection, line)
        if is_refused and time.monotonic() - self._since > REFUSED_SECONDS:
            self._when_refused()


def build_client(
    make: Callable[..., Any], connection: KafkaConnection, purpose: str, **options: Any
) -> Any:
    """Return ``make(**options)``, a consumer, producer or admin client.

    One that fails in its constructor leaves a thread and sockets that nobody else can close.

    Raises:
        SourceUnavailable: the broker does not answer, with the cause.
        SourceRefused: it answers, and does not let this agent in; known after some seconds.
    """
    _quieten()
    bound_decompression(connection.max_batch_bytes)
    network: list[Any] = []

    def remembered(**settings: Any) -> Any:
        client = KafkaNetClient(**settings)
        network.append(client)
        # The consumer's own setting for this does not reach the requests.
        client.cluster.config["allow_auto_create_topics"] = False
        return client

    def give_up() -> None:
        for client in network:
            client._manager.close()  # noqa: SLF001 - there is no public way

    with explaining(connection, purpose, network=network, when_refused=give_up):
        try:
            return make(kafka_client=remembered, **options)
        except BaseException:
            for client in network:
                client.close()
            raise


def close_producer(producer: Any, timeout_seconds: float) -> None:
    """Close *producer*, giving up what the broker does not take within the time.

    Its own ``close`` then raises and leaves everything open, and raises again when it is collected.
    """
    try:
        producer.close(timeout=timeout_seconds)
    except KafkaError as error:
        log.warning(
            "the producer is closed before everything was sent: %s",
            error,
            extra=action("producer_forced"),
        )
        producer._sender.force_close()  # noqa: SLF001 - there is no public way
        producer._sender.join(timeout_seconds)  # noqa: SLF001
        with suppress(KafkaError):
            producer.close(timeout=timeout_seconds)


@contextmanager
def explaining(
    connection: KafkaConnection,
    purpose: str,
    *,
    client: Any | None = None,
    network: list[Any] | None = None,
    when_refused: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Turn kafka-python's failure inside the block into one that names its cause.

    Args:
        client: the consumer, producer or admin client that is called in the block.
        network: its connections, where it is not built yet.
        when_refused: called when the broker keeps on refusing, in the client's thread.

    Raises:
        SourceUnavailable: with what the client's log said, since its exception does not say it.
        SourceBroken: the package of a batch's codec is not installed.
    """
    heard = _Heard(connection, when_refused)
    of_client = logging.getLogger(_CLIENT)
    of_client.addHandler(heard)
    try:
        yield
    except (KafkaError, OSError, ValueError) as error:
        missing = codec_missing(error, f"cannot {purpose}")
        if missing is not None:
            raise missing from error
        told = _advertised(network or [getattr(client, "_client", None)])
        raise unreachable(connection, purpose, error, heard.lines, told) from error
    finally:
        of_client.removeHandler(heard)


def _advertised(networks: list[Any]) -> list[str]:
    """Return where the brokers say that they are reached; none before one has answered."""
    return [
        f"{broker.host}:{broker.port}"
        for network in networks
        if network is not None
        for broker in network.cluster.brokers()
    ]


def _quieten() -> None:
    """Keep the client's log out of ours, once and for the whole process."""
    of_client = logging.getLogger(_CLIENT)
    if not any(isinstance(one, _ClientLog) for one in of_client.handlers):
        of_client.addHandler(_ClientLog(logging.WARNING))
    of_client.propagate = False
