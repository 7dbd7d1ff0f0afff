"""The broker or the database does not answer: since when, why, and when to try again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

from ..log import action
from ..ports import Clock
from ..retry.backoff import Backoff
from .status import Dependency, Unavailability

log = logging.getLogger(__name__)

NAMES: Mapping[Dependency, str] = MappingProxyType(
    {
        "broker": "the broker",
        "dead_letters": "the dead-letter topic",
        "database": "the database",
    }
)


class Outages:
    """Each begins with a failure and lasts until the same thing succeeds. The loop's thread owns it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._backoffs: dict[Dependency, Backoff] = {}
        self._unavailable: dict[Dependency, Unavailability] = {}

    @property
    def unavailable(self) -> Mapping[Dependency, Unavailability]:
        """What does not answer."""
        return self._unavailable

    @property
    def is_ongoing(self) -> bool:
        """Whether anything is tried again, so that there is no use in reading on."""
        return bool(self._backoffs)

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early for another try."""
        return any(backoff.is_waiting for backoff in self._backoffs.values())

    def is_retried(self, dependency: Dependency) -> bool:
        """Whether the last try of *dependency* failed."""
        return dependency in self._backoffs

    def is_waiting_for(self, dependency: Dependency) -> bool:
        """Whether it is too early for another try of *dependency*."""
        backoff = self._backoffs.get(dependency)
        return backoff is not None and backoff.is_waiting

    def notice(self, dependency: Dependency, error: Exception) -> None:
        """It does not respond; reading continues, and the client reconnects by itself."""
        if dependency not in self._unavailable:
            self._unavailable[dependency] = Unavailability(self._clock.monotonic(), str(error))
            log.warning(
                "%s does not answer; waiting for it: %s",
                NAMES[dependency],
                error,
                extra=action("dependency_silent", dependency=dependency),
            )

    def begin(self, dependency: Dependency, error: Exception) -> None:
        """A try failed: wait, longer each time."""
        now = self._clock.monotonic()
        before = self._unavailable.get(dependency)
        self._unavailable[dependency] = Unavailability(before.since if before else now, str(error))
        seconds = self._backoffs.setdefault(dependency, Backoff(self._clock)).fail()
        log.warning(
            "%s; retrying in %.1f s; reading is paused and nothing is lost",
            error,
            seconds,
            extra=action("dependency_unavailable", dependency=dependency, seconds=seconds),
        )

    def end(self, dependency: Dependency) -> None:
        """A try succeeded."""
        before = self._unavailable.pop(dependency, None)
        if before is None:
            return
        self._backoffs.pop(dependency, None)
        seconds = self._clock.monotonic() - before.since
        log.info(
            "%s answers again after %.0f s; resuming",
            NAMES[dependency],
            seconds,
            extra=action("dependency_recovered", dependency=dependency, seconds=seconds),
        )
