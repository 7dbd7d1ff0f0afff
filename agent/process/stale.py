"""Waits while the active detector was fitted for another model: told as an alert, until one fits.

A process that ended instead would be restarted for ever by its supervisor, and nobody might look at its log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from driftgauge.detector import ArtifactMismatch
from driftgauge.storage import LIVE_STATES, STALE, Store

from ..alert.stale_detector import ended
from ..log import action
from ..review.standing import is_alive
from ..settings.load import Settings
from ..telemetry import Metrics
from .new_model_wait import BuildTaps, NewModelWait
from .stale_wait import CONDITION, StaleWait

if TYPE_CHECKING:
    from ..wiring.agent import Agent

log = logging.getLogger(__name__)


def build_when_it_fits(
    build: Callable[[], Agent],
    settings: Settings,
    store: Store,
    *,
    stop: threading.Event,
    metrics: Metrics,
    build_taps: BuildTaps | None = None,
) -> Agent | None:
    """Return what *build* makes, as soon as the active detector fits the model; None where *stop* is set first.

    Args:
        build_taps: builds what keeps the new model's taps meanwhile; None only waits.

    Raises:
        AgentError, DetectorError, StorageError: any fault but that of another model.
    """
    while True:
        try:
            agent = build()
        except ArtifactMismatch as error:
            why = str(error)
        else:
            end_stale_alerts(store, settings.stream.name)
            return agent
        refused = store.active_detector(settings.stream.name)
        told = (settings, store, refused.detector if refused else "", why)
        wait = NewModelWait(*told, build_taps) if build_taps else StaleWait(*told)
        log.error(
            "images are not scored until a detector fits: %s",
            why,
            extra=action("detector_stale", detector=wait.detector),
        )
        if not wait.until_another(stop, metrics):
            return None


def end_stale_alerts(store: Store, stream: str) -> None:
    """End the alert of the stream, unless another agent still waits."""
    live = [one for one in store.alerts(stream, states=LIVE_STATES) if one.test == STALE]
    alive = [one for one in store.agents(stream) if is_alive(one)]
    waiting = [one for one in alive if one.condition.startswith(CONDITION)]
    active = store.active_detector(stream)
    if live and not waiting and active is not None:
        store.write_alerts([ended(one, store.clock(), active.detector) for one in live])
