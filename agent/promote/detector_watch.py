"""Follows the database's choice of a detector while the agent runs, and stays with the old one where it must."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from driftgauge.detector import DetectorError
from driftgauge.storage import DetectorRecord, Store

from ..errors import AgentError
from ..log import action
from ..loop.next_detector import NextDetector
from ..loop.status import LoopStatus
from ..ports import Clock

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
"""Between two looks at the database."""

RETRY_SECONDS = 60.0
"""A detector that cannot be used is tried again so rarely: its folder may still be copied."""

TAKEN_SECONDS = 2.0
"""How long to wait for the loop to take a detector, so that it is told without delay."""

_LOOK_SECONDS = 0.05

Prepare = Callable[[DetectorRecord, DetectorRecord | None], NextDetector]
"""Loads and tries a version, and the shadow beside it; raises DetectorError or AgentError where it cannot be used here."""


@dataclass(frozen=True, slots=True)
class Loop:
    """The agent's loop, as far as a change of its detector needs it.

    Attributes:
        status: safe in every thread.
        change: lets a detector score from the next batch on.
    """

    status: Callable[[], LoopStatus]
    change: Callable[[NextDetector], None]


class DetectorWatch:
    """Looks for another active detector, and hands it to the loop. One job's thread owns it.

    Args:
        current: the version that the loop begins with.
        prepare: loads and tries a version.
        tell: writes the agent's row in the database; called when the loop has changed.
    """

    def __init__(
        self,
        store: Store,
        loop: Loop,
        clock: Clock,
        *,
        stream: str,
        current: str,
        prepare: Prepare,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._loop = loop
        self._clock = clock
        self._stream = stream
        self._prepare = prepare
        self._tell = tell
        self._offered = current
        self._beside: str | None = None
        self._failed_beside: str | None = None
        self._refused: tuple[str, float] | None = None
        self.problem: str | None = None

    @property
    def current(self) -> str:
        """The version that scores now."""
        return self._loop.status().detector or self._offered

    def look(self) -> None:
        """Change to the active detector, and its shadow, if that is another one.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        active = self._store.active_detector(self._stream)
        shadow = self._store.versions.shadow_of(self._stream)
        if active is None or self._has(active, shadow):
            self._forget_problem()
        elif self._is_due(active.detector):
            self._change(active, shadow)

    def _has(self, active: DetectorRecord, shadow: DetectorRecord | None) -> bool:
        """Return whether the loop has both, or the active one and a shadow cannot be had here."""
        beside = None if shadow is None else shadow.detector
        is_same = beside == self._beside or (beside is not None and beside == self._failed_beside)
        return active.detector == self._offered and is_same

    def _change(self, active: DetectorRecord, shadow: DetectorRecord | None) -> None:
        try:
            following = self._prepared(active, shadow)
        except (DetectorError, AgentError) as error:
            self._refuse(active.detector, error)
            return
        self._offered, self._beside = active.detector, following.shadow
        self._forget_problem()
        self._loop.change(following)
        self._await_taken()
        self._tell()

    def _prepared(self, active: DetectorRecord, shadow: DetectorRecord | None) -> NextDetector:
        """Return the active detector with its shadow, or without one that cannot be used."""
        self._failed_beside = None
        if shadow is None:
            return self._prepare(active, None)
        try:
            return self._prepare(active, shadow)
        except (DetectorError, AgentError) as error:
            self._failed_beside = shadow.detector
            log.warning(
                "detector %s cannot score beside the active one here: %s",
                *(shadow.detector, error),
                extra=action("shadow_not_usable", detector=shadow.detector),
            )
            return self._prepare(active, None)

    def _is_due(self, name: str) -> bool:
        if self._refused is None or self._refused[0] != name:
            return True
        return self._clock.monotonic() - self._refused[1] >= RETRY_SECONDS

    def _refuse(self, name: str, error: Exception) -> None:
        said = f"detector {name} is active and cannot be used by this agent: {error}"
        hint = getattr(error, "hint", None)
        self.problem = f"{said}; {hint}" if hint else said
        self._refused = name, self._clock.monotonic()
        log.error(
            "%s; this agent stays with %s, and tries again in %.0f s",
            *(self.problem, self._offered, RETRY_SECONDS),
            extra=action("detector_not_usable", active=name, detector=self._offered),
        )
        self._tell()

    def _forget_problem(self) -> None:
        if self.problem is not None:
            self.problem, self._refused = None, None
            self._tell()

    def _await_taken(self) -> None:
        deadline = self._clock.monotonic() + TAKEN_SECONDS
        while self.current != self._offered and self._clock.monotonic() < deadline:
            self._clock.sleep(_LOOK_SECONDS)
