"""What a trial looks at: the rates of the shadow beside the active detector, and where both raise alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.stats import poisson

from driftgauge.storage import POOL, AlertRecord, GateCheck, ShadowAlarm, ShadowBlock

from ..retrain.clustered_rate import (
    FEWEST_RUNS,
    ClusteredRate,
    WindowHits,
    measure_counts,
    rate_bounds,
)
from ..retrain.gate import CONFIDENCE, FEWEST_EFFECTIVE

N_BLOCKS = 24
"""Parts of a trial; windows within one resemble each other, and count as so many independent events as the
spread of the parts' rates says."""

LEAST_SCORED = 0.9
"""Share of the active detector's images that the shadow must have scored."""

RATES = "rates"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInput:
    """What was counted and raised since a trial began.

    Attributes:
        blocks: counts of both versions, by segment and part of the time.
        alarms: where the shadow would have raised an alert.
        alerts: that lived meanwhile and that nobody called false or normal; none of silence.
        since: event time from which both are compared.
        reference: of the shadow, by segment.
        alpha: the stream's.
        false_alarms: that the budget allows in this time, on average.
    """

    blocks: Sequence[ShadowBlock]
    alarms: Sequence[ShadowAlarm]
    alerts: Sequence[AlertRecord]
    since: datetime
    reference: Mapping[str, WindowHits]
    alpha: float
    false_alarms: float


def check_trial(seen: TrialInput) -> list[GateCheck]:
    """Return every check of a trial; the shadow is promoted if none refuses it."""
    return [check_scored(seen), *check_rates(seen), check_new_alarms(seen), check_missed(seen)]


def check_scored(seen: TrialInput) -> GateCheck:
    """Hold the shadow to have scored what the active detector scored."""
    pool = [one for one in seen.blocks if one.segment == POOL]
    n_active, n_shadow = (
        sum(getattr(one, name) for one in pool) for name in ("active_events", "shadow_events")
    )
    if not n_active:
        words = "no image was scored meanwhile"
        return GateCheck("scored", "not checked", words)
    share = n_shadow / n_active
    words = (
        f"it scored {n_shadow} of the {n_active} images that the active detector scored, at least "
        f"{LEAST_SCORED:.0%} wanted"
    )
    verdict = "passed" if share >= LEAST_SCORED else "refused"
    return GateCheck("scored", verdict, words, figure=share, low=LEAST_SCORED)


def check_rates(seen: TrialInput) -> list[GateCheck]:
    """Compare the rate of the stream and of each quiet segment with that of the shadow's reference."""
    segments: defaultdict[str, list[ShadowBlock]] = defaultdict(list)
    for block in seen.blocks:
        if block.shadow_events:
            segments[block.segment].append(block)
    loud = {alert.segment for alert in seen.alerts}
    known = [name for name in segments if name != POOL and name in seen.reference]
    confidence = 1 - (1 - CONFIDENCE) / max(len(known), 1)
    found = [_check_rate(seen, POOL, segments[POOL], loud, CONFIDENCE)]
    found += [_check_rate(seen, name, segments[name], loud, confidence) for name in known]
    shown = [one for one in found if one.segment == POOL or one.verdict != "not checked"]
    n_left = len(segments) - (POOL in segments) - sum(one.segment != POOL for one in shown)
    if n_left:
        words = (
            f"{n_left} segments: too few images, an alert meanwhile, or not in its reference, so that "
            "their own rates are not compared"
        )
        shown.append(GateCheck(RATES, "not checked", words))
    return shown


def _check_rate(
    seen: TrialInput,
    segment: str,
    blocks: Sequence[ShadowBlock],
    loud: Collection[str],
    confidence: float,
) -> GateCheck:
    found = _rate(blocks)
    shown = "the stream" if segment == POOL else segment
    said = f"{shown}: {found.rate:.2%} of {found.events} images are out of distribution"
    if POOL in loud or segment in loud:
        words = f"{said}; there is an alert, so that nobody knows what its rate should be"
        return GateCheck(RATES, "not checked", words, segment, found.rate)
    reference = seen.reference.get(segment)
    known = reference.by_runs_like(found) if reference else ClusteredRate(seen.alpha, 0, 1.0, 0)
    expected = seen.alpha if segment == POOL else known.rate
    allowed = rate_bounds(found, known, expected=expected, confidence=confidence)
    if found.runs < FEWEST_RUNS or allowed.effective < FEWEST_EFFECTIVE:
        words = f"{said}, worth {allowed.effective:.0f} independent ones: too few to compare"
        return GateCheck(RATES, "not checked", words, segment, found.rate)
    active = sum(one.active_ood for one in blocks) / sum(one.both_events for one in blocks)
    holds = allowed.holds(found.rate) or abs(found.rate - expected) <= abs(active - expected)
    words = (
        f"{said}, {active:.2%} to the active detector; {expected:.2%} expected, {allowed.low:.2%} to {allowed.high:.2%} "
        "allowed, or what is no farther off than the active detector"
    )
    verdict = "passed" if holds else "refused"
    return GateCheck(RATES, verdict, words, segment, found.rate, allowed.low, allowed.high)


def _rate(blocks: Sequence[ShadowBlock]) -> ClusteredRate:
    events = np.array([one.shadow_events for one in blocks], np.int64)
    return measure_counts(events, np.array([one.shadow_ood for one in blocks], np.int64))


def check_new_alarms(seen: TrialInput) -> GateCheck:
    """Count the shadow's alarms where the active detector has no alert."""
    told = {alert.segment for alert in seen.alerts}
    alone = sorted({
        alarm.segment for alarm in seen.alarms
        if not told & {alarm.segment, POOL} and not (alarm.segment == POOL and told)
    })  # fmt: skip
    allowed = int(poisson.ppf(CONFIDENCE, seen.false_alarms))
    where = f" ({_listed(alone)})" if alone else ""
    words = (
        f"it would have raised alerts in {len(alone)} segments{where} where the active detector has none; "
        f"{allowed} allowed by the budget of false alarms"
    )
    verdict = "passed" if len(alone) <= allowed else "refused"
    return GateCheck("new alarms", verdict, words, figure=float(len(alone)), high=float(allowed))


def missed_alerts(seen: TrialInput) -> list[AlertRecord]:
    """Return the active detector's alerts of changes since the trial began that the shadow did not find."""
    found = {alarm.segment for alarm in seen.alarms}
    return [
        alert for alert in seen.alerts
        if alert.since >= seen.since
        and alert.segment not in found
        and POOL not in found
        and not (alert.segment == POOL and found)
    ]  # fmt: skip


def check_missed(seen: TrialInput) -> GateCheck:
    """Count the active detector's alerts that the shadow would not have raised."""
    missed, new = missed_alerts(seen), [one for one in seen.alerts if one.since >= seen.since]
    if not missed:
        words = f"it found all {len(new)} changes that the active detector raised alerts for"
        return GateCheck("missed alarms", "passed", words, figure=0.0, high=0.0)
    listed = _listed([f"{alert.id} of {alert.segment}" for alert in missed])
    words = (
        f"it would not have raised {len(missed)} of {len(new)} alerts of the active detector: {listed}; if "
        "these are false or normal, say so (driftgauge alerts), and promote it by hand"
    )
    return GateCheck("missed alarms", "refused", words, figure=float(len(missed)), high=0.0)


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
