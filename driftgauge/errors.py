"""The root of everything that driftgauge raises."""

from __future__ import annotations

from typing import ClassVar


class DriftgaugeError(Exception):
    """Something went wrong, and it is known what.

    A class's docstring is its default message.

    Attributes:
        retryable: whether trying again later may help.
        hint: what to do about it, for a person.
    """

    retryable: ClassVar[bool] = False
    hint: str = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        if hint is not None:
            self.hint = hint
