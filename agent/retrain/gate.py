"""The gate: each check passes or refuses a candidate by itself, with a figure and its bound in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from driftgauge.detector import auroc
from driftgauge.storage import GateCheck

from .candidate import (
    GateInput,
    anchor_taps,
    is_finite,
    p_values_of,
    reference_hits,
    statistics_of,
)
from .clustered_rate import FEWEST_RUNS, measure_rate, rate_bounds
from .learnt_check import check_learnt

CONFIDENCE = 0.99
FEWEST_EFFECTIVE = 50
"""Effective events of a segment below which its rate is not checked."""

FEWEST_REAL = 50
N_RESAMPLES = 200
ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateBounds:
    """What is allowed; the settings have each.

    Attributes:
        probe_margin: points of AUROC.
        min_agreement: rank correlation.
        max_anchor_rate: share of the anchor's events.
    """

    probe_margin: float = 3.0
    min_agreement: float = 0.3
    max_anchor_rate: float = 0.5


def check_candidate(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Return every check; a candidate passes if none refuses it."""
    first = check_finite(seen, bounds)
    if first[0].verdict == "refused":  # its figures would mean nothing
        return first
    compared = (one for check in CHECKS for one in check(seen, bounds))
    return [*first, *compared, *check_learnt(seen)]


def refusal(checks: Sequence[GateCheck]) -> str:
    """Return in words why a candidate is refused; empty where it passed."""
    return "; ".join(check.words for check in checks if check.verdict == "refused")


def check_finite(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Hold the candidate to finite numbers, in itself and in its scores."""
    holds = is_finite(seen.candidate)
    words = "all its numbers are finite" if holds else "some of its numbers are not finite"
    return [GateCheck("finite", "passed" if holds else "refused", words)]


def check_rates(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Compare its false-alarm rate on fresh traffic with alpha, and each segment's with its reference's."""
    fresh = seen.fresh
    p = p_values_of(seen.candidate, fresh.taps, fresh.segments)
    hits = p <= seen.alpha
    members: dict[str, NDArray[np.bool_]] = {ALL: np.ones(len(fresh), bool)}
    for name in sorted({name for own in fresh.segments for name in own}):
        members[name] = np.array([name in own for own in fresh.segments])
    confidence = 1 - (1 - CONFIDENCE) / max(len(members) - 1, 1)
    return [
        _check_rate(
            seen, name, hits[own], fresh.run_ids[own],
            confidence=CONFIDENCE if name == ALL else confidence,
        )
        for name, own in members.items()
    ]  # fmt: skip


def _check_rate(
    seen: GateInput,
    segment: str,
    hits: NDArray[np.bool_],
    run_ids: NDArray[np.int64],
    *,
    confidence: float,
) -> GateCheck:
    found = measure_rate(hits, run_ids)
    reference = reference_hits(seen.candidate, segment, seen.alpha)
    name, shown = "false alarms", "the stream" if segment == ALL else segment
    said = f"{shown}: {found.rate:.2%} of {found.events} fresh events are out of distribution"
    if reference is None:
        words = f"{said}; its reference has none of this segment"
        return GateCheck(name, "not checked", words, segment, found.rate)
    known = reference.by_runs_like(found)
    expected = seen.alpha if segment == ALL else known.rate
    allowed = rate_bounds(found, known, expected=expected, confidence=confidence)
    if found.runs < FEWEST_RUNS or allowed.effective < FEWEST_EFFECTIVE:
        words = (
            f"{said}, of {found.runs} runs, worth {allowed.effective:.0f} independent ones: too few to "
            "check"
        )
        return GateCheck(name, "not checked", words, segment, found.rate)
    words = (
        f"{said}; {expected:.2%} expected, {allowed.low:.2%} to {allowed.high:.2%} allowed "
        f"({allowed.effective:.0f} independent events, {confidence:.2%} interval)"
    )
    verdict = _verdict(allowed.holds(found.rate))
    return GateCheck(name, verdict, words, segment, found.rate, allowed.low, allowed.high)


def check_probes(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Compare how well known changes are seen with how well the active detector sees them."""
    if seen.probes is None:
        words = "the active detector has no probes: it was fitted without pictures, or by an earlier version"
        return [GateCheck("probes", "not checked", words)]
    plain, probed = seen.probes.plain, seen.probes.probed
    sets = [
        (
            statistics_of(detector, plain),
            {kind: statistics_of(detector, taps) for kind, taps in probed.items()},
        )
        for detector in (seen.candidate, seen.basis)
    ]
    return [_compared("probes", "known changes", sets, bounds.probe_margin, is_paired=True)]


def check_real_alerts(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Compare how well traffic of real alerts is told from accepted traffic."""
    if seen.real is None or len(seen.real) < FEWEST_REAL:
        words = "no alert that a person found to be real has enough kept events"
        return [GateCheck("real alerts", "not checked", words)]
    sets = [
        (
            statistics_of(detector, seen.fresh.taps),
            {"real": statistics_of(detector, seen.real.taps)},
        )
        for detector in (seen.candidate, seen.basis)
    ]
    words = f"{len(seen.real)} events of real alerts"
    return [_compared("real alerts", words, sets, bounds.probe_margin, is_paired=False)]


_Scores = tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]]


def _compared(
    name: str, what: str, sets: Sequence[_Scores], margin: float, *, is_paired: bool
) -> GateCheck:
    """Compare mean AUROC of the candidate's scores, first in *sets*, with that of the active detector's.

    It may be worse by *margin* at most, as far as the lower end of a bootstrap's 90 % interval goes.
    """
    ours, theirs = (_mean_auroc(normal, unusual) for normal, unusual in sets)
    rng = np.random.default_rng(0)
    n, worse = len(sets[0][0]), []
    for _ in range(N_RESAMPLES):
        rows = rng.integers(n, size=n)
        drawn = {
            kind: rows if is_paired else rng.integers(len(values), size=len(values))
            for kind, values in sets[0][1].items()
        }
        of_each = [
            _mean_auroc(normal[rows], {kind: values[drawn[kind]] for kind, values in kinds.items()})
            for normal, kinds in sets
        ]
        worse.append(of_each[0] - of_each[1])
    low = float(np.quantile(worse, 0.05))
    words = (
        f"{what}: AUROC {ours:.1f} %, {theirs:.1f} % with the active detector; the difference is at "
        f"least {low:+.1f} points, {-margin:+.1f} allowed"
    )
    return GateCheck(name, _verdict(low >= -margin), words, figure=low, low=-margin)


def _mean_auroc(normal: NDArray[np.float64], unusual: Mapping[str, NDArray[np.float64]]) -> float:
    return float(np.mean([auroc(normal, values) for values in unusual.values()]))


def check_agreement(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Compare the order of fresh events by both detectors."""
    ours, theirs = (
        statistics_of(detector, seen.fresh.taps) for detector in (seen.candidate, seen.basis)
    )
    found = float(spearmanr(ours, theirs).statistic)
    words = (
        f"accepted traffic: the rank correlation with the active detector's scores is {found:.2f}, "
        f"at least {bounds.min_agreement:g} allowed"
    )
    holds = found >= bounds.min_agreement
    return [GateCheck("agreement", _verdict(holds), words, figure=found, low=bounds.min_agreement)]


def check_anchor(seen: GateInput, bounds: GateBounds) -> list[GateCheck]:
    """Say how far the candidate has gone from the first reference."""
    taps = None if seen.anchor is None else anchor_taps(seen.anchor, seen.candidate)
    if seen.anchor is None or taps is None:
        words = "the active detector has no anchor of the first reference: it was fitted by an earlier version"
        return [GateCheck("anchor", "not checked", words)]
    ours, theirs = (
        float((p_values_of(detector, taps, seen.anchor.segments) <= seen.alpha).mean())
        for detector in (seen.candidate, seen.basis)
    )
    shift, layer = anchor_shift(seen.fresh.taps, taps)
    words = (
        f"first reference: {ours:.1%} of its events are out of distribution to the candidate, "
        f"{theirs:.1%} to the active detector, at most {bounds.max_anchor_rate:.0%} allowed; since then "
        f"the traffic has moved by {shift:.2f} standard deviations, most in {layer}"
    )
    holds = ours <= bounds.max_anchor_rate
    return [GateCheck("anchor", _verdict(holds), words, figure=ours, high=bounds.max_anchor_rate)]


def anchor_shift(fresh: Mapping[str, Tensor], anchor: Mapping[str, Tensor]) -> tuple[float, str]:
    """Return how far the channels' means have moved, root mean square in the anchor's deviations.

    Returns:
        The largest of any tap, and its name.
    """
    moved = {}
    for name, old in anchor.items():
        scale = old.std(dim=0).clamp_min(1e-6)
        scale = scale.clamp_min(0.05 * float(scale.mean()))
        steps = (fresh[name].mean(dim=0) - old.mean(dim=0)) / scale
        moved[name] = float(steps.square().mean().sqrt())
    layer = max(moved, key=lambda name: moved[name])
    return moved[layer], layer


def _verdict(holds: bool) -> str:
    return "passed" if holds else "refused"


Check = Callable[[GateInput, GateBounds], list[GateCheck]]

CHECKS: Sequence[Check] = (
    check_rates,
    check_probes,
    check_real_alerts,
    check_agreement,
    check_anchor,
)
"""The checks, in the order in which they are shown; `check_finite` goes before them, `check_learnt` after."""
