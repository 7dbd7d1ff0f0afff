"""How fast the agent counts what is sent to it, and whether it still does."""

from __future__ import annotations

import time

from ..errors import AgentError
from .agent_process import AgentProcess

STALL_SECONDS = 120
START_SECONDS = 300
"""The same before the first frame is counted: a busy machine loads PyTorch for minutes."""


def speed_in_words(images_per_second: float | None) -> str:
    """Return the speed of a run that ended; None was not measured."""
    if images_per_second is None:
        return "not measured, all images were counted in one flush"
    return f"{images_per_second:.0f} images/s"


def rounded_speed(images_per_second: float | None) -> float | None:
    """Return the speed as a script reads it; None was not measured."""
    return None if images_per_second is None else round(images_per_second, 1)


class DemoStalled(AgentError):
    """The agent stopped counting."""


class CountRate:
    """Remembers when the count of messages grew, and to what.

    Attributes:
        counted: the newest count.
    """

    def __init__(self) -> None:
        self._samples = [(time.monotonic(), 0)]

    @property
    def counted(self) -> int:
        """The newest count."""
        return self._samples[-1][1]

    def note(self, counted: int) -> None:
        """Take a count that was just read."""
        if counted != self.counted:
            self._samples.append((time.monotonic(), counted))

    @property
    def images_per_second(self) -> float | None:
        """Return the rate between the first and the last flush that brought images."""
        counting = self._samples[1:]
        if len(counting) < 2:  # noqa: PLR2004
            return None
        (first_at, first), (last_at, last) = counting[0], counting[-1]
        return (last - first) / (last_at - first_at)

    def check(self, agent: AgentProcess, *, sent: int) -> None:
        """Raise DemoStalled where *agent* has counted nothing for long, of the *sent* frames."""
        moved_at, counted = self._samples[-1]
        patience = STALL_SECONDS if counted else START_SECONDS
        if time.monotonic() - moved_at > patience:
            raise DemoStalled(
                f"the agent has counted {counted} of {sent} frames and nothing new for {patience} s; its "
                f"last log lines:\n{agent.last_words()}",
                hint=f"the full log is in {agent.log}",
            )
