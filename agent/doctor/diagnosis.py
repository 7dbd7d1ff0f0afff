"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check found.

    Attributes:
        found: what is the case, in a sentence or less.
        advice: what to do about it; empty where nothing is to be done.
    """

    state: CheckState
    found: str
    advice: str = ""


def fine(found: str) -> Diagnosis:
    """Return that all is well."""
    return Diagnosis(CheckState.OK, found)


def doubtful(found: str, advice: str = "") -> Diagnosis:
    """Return that the agent can run, and that a person should look."""
    return Diagnosis(CheckState.WARNING, found, advice)


def failed(found: str, advice: str = "") -> Diagnosis:
    """Return that the agent cannot work like this."""
    return Diagnosis(CheckState.FAILED, found, advice)
