"""The pages are served from loopback, bounded, and never in the way of scoring."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.settings.sections import HttpSection
from driftgauge.agent.telemetry import Health, HttpServer, Metrics, Response, serving
from driftgauge.agent.telemetry.server import MAX_CONNECTIONS
from driftgauge.agent.telemetry.serving import routes

from .pretend_loop import PretendLoop


@pytest.fixture
def loop() -> PretendLoop:
    return PretendLoop()


@pytest.fixture
def server(loop: PretendLoop) -> Iterator[HttpServer]:
    health = Health(loop.status, loop.clock, max_silence_seconds=60)
    pages = routes(Metrics(alpha=0.01).registry, health)

    def broken(_: str) -> Response:
        raise RuntimeError("no")

    with closing(HttpServer("127.0.0.1", 0, pages | {"/broken": broken})) as made:
        made.start()
        yield made


PATIENCE = 60.0
"""Seconds after which an answer that does not come is a failure, on a busy machine too."""


def get(server: HttpServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    """Return status, content type and body."""
    with closing(http.client.HTTPConnection(server.address, timeout=PATIENCE)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_health_is_told_by_the_status(loop: PretendLoop, server: HttpServer) -> None:
    status, kind, body = get(server, "/healthz")
    assert (status, kind, json.loads(body)["status"]) == (200, "application/json", "ok")
    loop.clock.sleep(61)
    status, _, body = get(server, "/healthz")
    assert (status, json.loads(body)["status"]) == (503, "failing")


def test_readiness_is_told_by_the_status(loop: PretendLoop, server: HttpServer) -> None:
    assert get(server, "/readyz?verbose")[0] == 200
    loop.lose("database")
    status, _, body = get(server, "/readyz")
    assert (status, json.loads(body)["database"]) == (503, False)


def test_metrics_come_in_the_format_that_is_asked_for(server: HttpServer) -> None:
    assert get(server, "/metrics")[1].startswith("text/plain; version=0.0.4")
    accept = "application/openmetrics-text; version=1.0.0"
    status, kind, body = get(server, "/metrics", Accept=accept)
    assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_a_head_has_no_body_and_other_methods_and_pages_are_refused(server: HttpServer) -> None:
    assert get(server, "/metrics", "HEAD")[::2] == (200, "")
    assert get(server, "/metrics", "POST")[0] == 501
    assert get(server, "/")[::2] == (
        404, "no such page; the pages are: /metrics /healthz /readyz /broken\n",
    )  # fmt: skip


def test_a_page_that_fails_ends_nothing(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert get(server, "/broken")[0] == 500
    assert "RuntimeError: no" in caplog.text
    assert get(server, "/healthz")[0] == 200


def test_a_silent_reader_holds_up_no_other(server: HttpServer) -> None:
    host, port = server.address.split(":")
    with closing(socket.create_connection((host, int(port)))) as silent:
        silent.sendall(b"GET /metr")
        assert get(server, "/healthz")[0] == 200


def trickle(readers: list[socket.socket], stop: threading.Event) -> None:
    """Send a byte of a request that never ends through each, again and again."""
    while not stop.wait(0.05):
        for reader in readers:
            with suppress(OSError):
                reader.sendall(b"G")


def test_probes_answer_while_more_readers_than_are_served_send_a_byte_at_a_time() -> None:
    stop = threading.Event()
    pages = {"/healthz": lambda _: Response(b"ok")}
    with ExitStack() as stack:
        # No reader is closed for its time, so that only the place made for new ones lets a probe in.
        server = stack.enter_context(
            closing(HttpServer("127.0.0.1", 0, pages, timeout_seconds=10 * PATIENCE))
        )
        server.start()
        host, port = server.address.split(":")
        readers = [
            stack.enter_context(closing(socket.create_connection((host, int(port)))))
            for _ in range(3 * MAX_CONNECTIONS)
        ]
        thread = threading.Thread(target=trickle, args=(readers, stop))
        thread.start()
        try:
            for _ in range(20):
                assert get(server, "/healthz")[0] == 200
        finally:
            stop.set()
            thread.join()


def test_a_reader_that_sends_a_byte_at_a_time_is_closed_at_its_deadline(
    loop: PretendLoop,
) -> None:
    pages = {"/healthz": lambda _: Response(b"ok")}
    with closing(HttpServer("127.0.0.1", 0, pages, timeout_seconds=0.5)) as server:
        server.start()
        host, port = server.address.split(":")
        with closing(socket.create_connection((host, int(port)))) as reader:
            stop = threading.Event()
            thread = threading.Thread(target=trickle, args=([reader], stop))
            thread.start()
            reader.settimeout(PATIENCE)  # it goes on sending: without a deadline it is never closed
            with suppress(ConnectionResetError):
                assert reader.recv(1) == b""  # closed, without an answer
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    "request_bytes",
    [b"\r\n\r\n", b"GET /healthz\r\n\r\n", b"GET /healthz SPDY/3\r\n\r\n", b"G" * 70_000],
    ids=["nothing", "no version", "another protocol", "no end"],
)
def test_what_is_no_request_is_refused(server: HttpServer, request_bytes: bytes) -> None:
    host, port = server.address.split(":")
    with closing(socket.create_connection((host, int(port)))) as reader:
        reader.settimeout(PATIENCE)
        reader.sendall(request_bytes)
        assert reader.recv(1000).startswith(b"HTTP/1.1 400 Bad Request")
    assert get(server, "/healthz")[0] == 200


def test_a_taken_port_is_told_and_ends_nothing_unless_it_must(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(server.address.split(":")[1])
    with serving(HttpSection(port=port), {}) as none:
        assert none is None
    assert f"cannot serve metrics and health at 127.0.0.1:{port}: Address already in use" in (
        caplog.text
    )
    required = HttpSection(port=port, required=True)
    with pytest.raises(SettingsError, match="Address already in use"), serving(required, {}):
        pass


def test_port_0_serves_nothing() -> None:
    with serving(HttpSection(port=0), {}) as none:
        assert none is None


def test_it_is_served_to_this_machine_only_unless_told_otherwise() -> None:
    assert HttpSection().host == "127.0.0.1"


def test_a_port_is_free_again_when_the_agent_has_left() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        settings = HttpSection(port=probe.getsockname()[1])
    for _ in range(2):
        with serving(settings, {"/healthz": lambda _: Response(b"ok")}) as made:
            assert made is not None
            assert get(made, "/healthz")[2] == "ok"
