"""The gate of a model's first detector: there is none before it to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from driftgauge.storage import GateCheck

from .candidate import GateInput
from .gate import ALL, GateBounds, check_finite, check_rates

_NOT_COMPARED = (
    ("probes", "known changes were measured with the model before, whose taps say nothing of this one's"),
    ("agreement", "no other detector scores this model's taps"),
    ("anchor", "the first reference is of the model before; this detector begins a new one"),
)  # fmt: skip


def check_first(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Return every check of a first detector; it passes if none refuses it.

    Its rate on fresh traffic of the whole stream is all that speaks for it, so that it is refused where
    that is too little to be checked. `GateInput.basis` is not looked at.
    """
    first = check_finite(seen, bounds)
    if first[0].verdict == "refused":
        return first
    rates = [_must_be_checked(check) for check in check_rates(seen, bounds)]
    return [*first, *rates, *_left_out()]


def _must_be_checked(check: GateCheck) -> GateCheck:
    if check.segment != ALL or check.verdict != "not checked":
        return check
    return replace(check, verdict="refused", words=f"{check.words}, and nothing else speaks for it")


def _left_out() -> Sequence[GateCheck]:
    return [GateCheck(name, "not checked", words) for name, words in _NOT_COMPARED]
