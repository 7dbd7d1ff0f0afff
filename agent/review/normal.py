"""A segment's baseline rate, to show next to its current rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from driftgauge.storage import UNRATED

if TYPE_CHECKING:
    from driftgauge.storage import Store

NORMAL_RATES = "normal_rates"
"""Key in a registered detector's manifest: segment to its OOD rate on the reference."""

NORMAL_RATES_AT = "normal_rates_at"
"""The same at every alpha: alpha to segment to rate. Detectors of earlier versions lack it."""


def normal_rates(store: Store, stream: str) -> dict[str, float]:
    """Return each segment's normal OOD rate at the stream's alpha, as far as the database knows it.

    An alert's own figure, newest first, wins over the one the detector was registered with: a
    segment that the reference lacked was learned from its traffic.
    """
    detector = store.active_detector(stream)
    alphas = [row.alpha for row in store.streams() if row.stream == stream]
    rates = _registered(detector.manifest, alphas[0]) if detector and alphas else {}
    for alert in reversed(store.alerts(stream)):
        if alert.test in UNRATED:  # it has no rate
            continue
        if detector is None or alert.detector == detector.detector:
            rates[alert.segment] = alert.rate_normal
    return rates


def _registered(manifest: Mapping[str, object], alpha: float) -> dict[str, float]:
    at = manifest.get(NORMAL_RATES_AT)
    found = at.get(f"{alpha:g}") if isinstance(at, Mapping) else manifest.get(NORMAL_RATES)
    if not isinstance(found, Mapping):
        return {}
    return {str(name): float(rate) for name, rate in found.items()}


def normal_class_shares(store: Store, stream: str) -> dict[str, dict[str, float]]:
    """Return each segment's share of each class on its reference, as the active detector has it."""
    detector = store.active_detector(stream)
    notes = detector.manifest.get("notes") if detector else None
    if not isinstance(notes, Mapping):
        return {}
    shares, names = notes.get("class_shares"), notes.get("class_names")
    if not isinstance(shares, Mapping):
        return {}
    better = names if isinstance(names, Mapping) else {}
    return {
        str(segment): {str(better.get(name, name)): float(share) for name, share in own.items()}
        for segment, own in shares.items()
    }
