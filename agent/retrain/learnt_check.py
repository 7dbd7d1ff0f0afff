"""Whether what people called normal, and the candidate has learnt, looks like a fault to the active detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import (
    PIXELS,
    Detector,
    FaultNames,
    Traits,
    lacking,
    name_faults,
    score_all,
)
from driftgauge.storage import GateCheck

from .approvals import Approval
from .candidate import GateInput
from .taps_sample import MICROSECONDS, TapsSample

NAME = "learnt"

FACTOR = 10
"""Events are looked at from so many times alpha on: not each picture of a fault is extreme."""

FEWEST = 8
"""Events looked at below which nothing is named."""

MOST_PICTURES = 24
"""Events that are named together, and usual ones beside them."""

SHARE = 0.75
"""A fault's share among the names from which a candidate that learnt it is refused."""

LEAST_RISE = 2.0
"""It has learnt the fault if the geometric mean of the p-values rose by this factor."""

MOST_TOLD = 3
_DAY = 86_400 * MICROSECONDS
_LEAST_P = 1e-6


@dataclass(frozen=True, slots=True)
class SeenTraffic:
    """Accepted traffic, as the active detector and the candidate see it; p-values ``(n, columns)``."""

    sample: TapsSample
    active: NDArray[np.float64]
    candidate: NDArray[np.float64]
    looked_at: NDArray[np.bool_]

    @classmethod
    def by(
        cls, basis: Detector, candidate: Detector, sample: TapsSample, *, alpha: float
    ) -> SeenTraffic:
        """Score *sample* with both."""
        active = _p_values(basis, sample)
        looked_at = active[:, -1] <= min(FACTOR * alpha, 1.0)
        return cls(sample, active, _p_values(candidate, sample), looked_at)


@dataclass(frozen=True, slots=True)
class LearntApproval:
    """What became of one approval's traffic.

    Attributes:
        n_events: of it that were learnt from, or held out.
        was, now: geometric mean of its p-values to the active detector and to the candidate.
        names: what it looks like to the active detector.
    """

    approval: Approval
    n_events: int
    was: float
    now: float
    names: FaultNames

    @property
    def is_fault(self) -> bool:
        """Whether it clearly looks like a fault, which the candidate tells less than the active detector."""
        claimed = bool(self.names.claimed) and self.names.shares[0][1] >= SHARE
        return claimed and self.now >= LEAST_RISE * self.was

    def __str__(self) -> str:
        """Return it as a part of a sentence."""
        one = self.approval
        return (
            f"{one.what} of {one.segment} since {one.begin:%Y-%m-%d %H:%M} UTC ({self.n_events} events) "
            f"{self.names}; its p-value is {self.was:.3f} on average to the active detector, {self.now:.3f} "
            f"to the candidate ({one.command})"
        )


def check_learnt(seen: GateInput) -> list[GateCheck]:
    """Refuse a candidate that has learnt what looks like a fault, unless a person said so twice."""
    if not seen.approvals:
        words = "nothing that was learnt had been an alert or was put aside"
        return [GateCheck(NAME, "passed", words, figure=0.0, high=0.0)]
    if why_not := lacking(seen.basis):
        words = f"what people called normal is not compared with known faults: {why_not}"
        return [GateCheck(NAME, "not checked", words)]
    traffic = SeenTraffic.by(seen.basis, seen.candidate, seen.accepted, alpha=seen.alpha)
    learnt = look_at_approvals(seen.basis, traffic, seen.approvals)
    faults = [one for one in learnt if one.is_fault]
    verdict = "refused" if faults and not seen.accepts_learnt else "passed"
    words = _words(learnt, faults, accepts=seen.accepts_learnt)
    return [GateCheck(NAME, verdict, words, figure=float(len(faults)), high=0.0)]


def _words(
    learnt: Sequence[LearntApproval], faults: Sequence[LearntApproval], *, accepts: bool
) -> str:
    said = f"alerts and runs that people called normal: {len(learnt)} learnt"
    if not faults:
        return f"{said}; none of them clearly looks like a known fault"
    more = f" and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
    told = f"{said}, of these like a known fault: {_listed(faults)}{more}"
    if accepts:
        return f"{told}; a person said that they are normal all the same"
    return (
        f"{told}; look at the pictures. If it is a fault: driftgauge alerts ack ID --real, or driftgauge "
        "reference refuse ID, and retrain; if it is the new normal: driftgauge retrain --accept-learnt"
    )


def _listed(faults: Sequence[LearntApproval]) -> str:
    return "; ".join(str(one) for one in faults[:MOST_TOLD])


def look_at_approvals(
    basis: Detector, seen: SeenTraffic, approvals: Sequence[Approval]
) -> list[LearntApproval]:
    """Return what became of each approval of which there are events."""
    inside = [_rows_of(seen.sample, one) for one in approvals]
    usual = ~seen.looked_at
    usual[np.concatenate(inside)] = False
    return [
        _looked_at(basis, seen, one, rows, usual)
        for one, rows in zip(approvals, inside, strict=True)
        if len(rows)
    ]


def _rows_of(sample: TapsSample, approval: Approval) -> NDArray[np.int64]:
    begin, end = (moment.timestamp() * MICROSECONDS for moment in (approval.begin, approval.end))
    in_time = (sample.times >= begin) & (sample.times < end)
    if approval.segment != "*":
        in_time &= np.array([approval.segment in names for names in sample.segments], bool)
    return np.flatnonzero(in_time)


def _p_values(detector: Detector, sample: TapsSample) -> NDArray[np.float64]:
    scores = score_all(detector, sample.taps)
    return detector.p_values(scores, np.full(len(scores), 0.5), sample.segments)[1]


def _looked_at(
    basis: Detector,
    seen: SeenTraffic,
    approval: Approval,
    rows: NDArray[np.int64],
    usual: NDArray[np.bool_],
) -> LearntApproval:
    unusual = rows[seen.looked_at[rows]]
    if len(unusual) < FEWEST:
        names = FaultNames(why_not=f"{len(unusual)} of its events are unusual, {FEWEST} wanted")
    else:
        most = unusual[np.argsort(seen.active[unusual, -1], kind="stable")[:MOST_PICTURES]]
        beside = _neighbours(seen.sample, most, usual)
        names = name_faults(basis, _traits(seen, most), _traits(seen, beside))
    was, now = (_geometric_mean(p[rows, -1]) for p in (seen.active, seen.candidate))
    return LearntApproval(approval, len(rows), was, now, names)


def _traits(seen: SeenTraffic, rows: NDArray[np.int64]) -> Traits:
    return Traits(seen.sample.taps[PIXELS][rows].double().numpy(), seen.active[rows, :-1])


def _neighbours(
    sample: TapsSample, rows: NDArray[np.int64], usual: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return for each of *rows* a usual event of its segments, of the nearest day at about its time.

    A night is dark anyway, and a season moves on.
    """
    left, chosen = np.flatnonzero(usual), []
    own = {sample.segments[row] for row in rows.tolist()}
    left = left[[sample.segments[row] in own for row in left.tolist()]]
    for row in rows.tolist():
        if not len(left):
            break
        apart = np.abs(sample.times[left] - sample.times[row])
        off = np.minimum(apart % _DAY, _DAY - apart % _DAY)
        place = int(np.where(off <= _DAY // 24, apart, apart.max() + off).argmin())
        chosen.append(int(left[place]))
        left = np.delete(left, place)
    return np.array(sorted(chosen), np.int64)


def _geometric_mean(p_values: NDArray[np.float64]) -> float:
    return float(np.exp(np.log(np.maximum(p_values, _LEAST_P)).mean()))
