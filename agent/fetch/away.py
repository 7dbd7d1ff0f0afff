"""What a request over the network can come to, before anyone says whose fault it is."""

from __future__ import annotations

from ..errors import AgentError


class Away(AgentError):
    """The other side does not answer now; it may later."""

    retryable = True


class OtherAnswer(AgentError):
    """The other side answered, with a status that stays.

    Attributes:
        location: where it redirects to; empty where it does not.
    """

    def __init__(self, status: int, location: str = "") -> None:
        super().__init__(f"it returned status {status}")
        self.status = status
        self.location = location
