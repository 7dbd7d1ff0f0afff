"""A segment's own normal rate, to show beside its rate now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftgauge.storage import Store

NORMAL_RATES = "normal_rates"
"""Key in a registered detector's manifest: segment to its OOD rate on the reference."""


def normal_rates(store: Store, stream: str) -> dict[str, float]:
    """Return each segment's normal OOD rate, as far as the database knows it.

    An alert's own figure, newest first, wins over the one the detector was registered with: a
    segment that the reference lacked was learned from its traffic.
    """
    detector = store.active_detector(stream)
    registered = detector.manifest.get(NORMAL_RATES) if detector else None
    rates: dict[str, float] = {}
    if isinstance(registered, Mapping):
        rates.update({str(name): float(rate) for name, rate in registered.items()})
    for alert in reversed(store.alerts(stream)):
        if detector is None or alert.detector == detector.detector:
            rates[alert.segment] = alert.rate_normal
    return rates
