"""What a request can go wrong by; the page says it in words."""

from __future__ import annotations

from ..errors import AgentError


class NothingThere(AgentError):
    """The database has nothing of that name."""


class RequestUnusable(AgentError):
    """The request cannot be used."""


class ChangeRefused(AgentError):
    """The change is not allowed."""
