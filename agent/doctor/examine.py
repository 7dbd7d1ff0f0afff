"""Runs the checks in order, each within its time; a check that needs a failed one is skipped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...errors import DriftgaugeError
from .diagnosis import CheckState, Diagnosis, failed
from .patient import Patient


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table.

    Attributes:
        name: what is looked at.
        look: finds out; what it raises is a failure.
        needs: names of the checks whose results it uses.
        seconds: how long it may take.
    """

    name: str
    look: Callable[[Patient], Diagnosis]
    needs: tuple[str, ...] = ()
    seconds: float = 20.0


def examine(patient: Patient, checks: Sequence[Check]) -> Iterator[tuple[Check, Diagnosis]]:
    """Give each check with what it found, as soon as it is found."""
    unusable: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in unusable]
        diagnosis = (
            Diagnosis(CheckState.SKIPPED, f"needs: {missing[0]}")
            if missing
            else _within_time(check, patient)
        )
        if diagnosis.state in (CheckState.FAILED, CheckState.SKIPPED):
            unusable.add(check.name)
        yield check, diagnosis


def _within_time(check: Check, patient: Patient) -> Diagnosis:
    """Return what *check* finds; one that hangs is left behind in a thread that holds nothing up."""
    found: list[Diagnosis] = []
    thread = threading.Thread(
        target=lambda: found.append(_look(check, patient)), name=f"check {check.name}", daemon=True
    )
    thread.start()
    thread.join(check.seconds)
    if found:
        return found[0]
    return failed(f"no answer within {check.seconds:g} s", "does a firewall drop the packets?")


def _look(check: Check, patient: Patient) -> Diagnosis:
    try:
        return check.look(patient)
    except DriftgaugeError as error:
        return failed(str(error), error.hint)
    except Exception as error:  # any: the other checks are wanted all the same
        return failed(f"{type(error).__name__}: {error}", "please report this")
