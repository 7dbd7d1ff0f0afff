"""The pages of a running agent: /metrics, /healthz, /readyz."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from ..errors import SettingsError
from ..log import action
from ..loop.status import LoopStatus
from ..ports import Clock
from ..settings.sections import HttpSection
from .health import Finding, Health
from .loop_collector import LoopCollector
from .metrics import Metrics
from .server import HttpServer, Response, Route

log = logging.getLogger(__name__)


def agent_pages(
    status: Callable[[], LoopStatus],
    clock: Clock,
    metrics: Metrics,
    about: Mapping[str, str],
    *,
    problem: Callable[[], str | None] = lambda: None,
) -> dict[str, Route]:
    """Return the pages of one agent.

    Args:
        status: the loop's, asked at each request; safe in every thread.
        about: what it runs, for the labels of ``driftgauge_detector_info``.
        problem: why the agent does not score with the active detector; None where it does.
    """
    metrics.show_loop(LoopCollector(status, clock, about))
    return routes(metrics.registry, Health(status, clock, problem=problem))


def routes(registry: CollectorRegistry, health: Health) -> dict[str, Route]:
    """Return what answers each page."""

    def metrics(accept: str) -> Response:
        encode, content_type = choose_encoder(accept)
        return Response(encode(registry), content_type)

    return {
        "/metrics": metrics,
        "/healthz": lambda _: _told(health.is_alive()),
        "/readyz": lambda _: _told(health.is_ready()),
    }


def _told(finding: Finding) -> Response:
    told = {"status": "ok" if finding.holds else "failing", **finding.checks}
    return Response(
        json.dumps(told).encode() + b"\n", "application/json", 200 if finding.holds else 503
    )


@contextmanager
def serving(settings: HttpSection, pages: dict[str, Route]) -> Iterator[HttpServer | None]:
    """Serve *pages* during the block; give None where nothing is served.

    Raises:
        SettingsError: the address cannot be had, and ``http.required`` is set.
    """
    server = _started(settings, pages)
    if server is None:
        yield None
        return
    try:
        yield server
    finally:
        if not server.close():
            log.warning(
                "the HTTP server at %s did not end in time and is abandoned",
                settings.host,
                extra=action("http_not_closed"),
            )


def _started(settings: HttpSection, pages: dict[str, Route]) -> HttpServer | None:
    if settings.port == 0:
        return None
    at = f"{settings.host}:{settings.port}"
    try:
        server = HttpServer(settings.host, settings.port, pages)
    except OSError as error:
        told = f"cannot serve metrics and health at {at}: {error.strerror or error}"
        if settings.required:
            raise SettingsError(told, hint="set http.port to a free port, or to 0") from error
        log.warning(
            "%s; the agent runs without them; set http.port to a free port, or to 0",
            told,
            extra=action("http_unavailable", address=at),
        )
        return None
    server.start()
    log.info(
        "serving %s at http://%s",
        ", ".join(pages),
        server.address,
        extra=action("http_started", address=server.address),
    )
    return server
