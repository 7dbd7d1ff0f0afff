"""Names the fault behind an alert, from the pictures that were kept of its windows.

All that is looked at is in the database, whichever agent kept it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from driftgauge.detector import (
    CELL_NUMBERS,
    STATISTICS,
    Detector,
    FaultNames,
    Traits,
    lacking,
    name_faults,
)
from driftgauge.storage import EvidenceRecord

from ..alert.fault_claim import FaultClaim

MOST_PICTURES = 24
"""Of each kind that one alert is named by."""
_N_BYTES = 4
"""Of each number that evidence keeps of a picture."""


class EvidenceStore(Protocol):
    """The database, as far as naming needs it."""

    def evidence(
        self,
        stream: str,
        *,
        segment: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> list[EvidenceRecord]:
        """Return kept events: lowest p first, typical ones newest."""


class FaultNaming:
    """Says which known fault the pictures of a segment's windows look like."""

    def __init__(self, store: EvidenceStore, detector: Detector, stream: str) -> None:
        self._store = store
        self._detector = detector
        self._stream = stream
        self._lacking = lacking(detector)

    def __call__(self, segment: str, since: datetime, until: datetime) -> FaultClaim:
        """Return what is said of the change from *since* to *until*, beside the time before it."""
        if self._lacking:
            return FaultClaim.of(FaultNames(why_not=self._lacking))
        unusual = self._traits(segment, "unusual", since=since, until=until)
        normal = self._traits(segment, "typical", since=None, until=since)
        return FaultClaim.of(name_faults(self._detector, unusual, normal))

    def _traits(
        self, segment: str, kind: str, *, since: datetime | None, until: datetime
    ) -> Traits:
        kept = self._store.evidence(
            self._stream, segment=segment, kind=kind, since=since, until=until, limit=MOST_PICTURES
        )
        return read_traits(kept, self._detector.layers, len(STATISTICS))


def read_traits(kept: Sequence[EvidenceRecord], layers: Sequence[str], n_statistics: int) -> Traits:
    """Return the traits of *kept* events; what another detector kept is left out.

    Cells are not known unless all that is left has them, which an agent of a version before did not keep.
    """
    widths = (n_statistics, n_statistics + CELL_NUMBERS)
    fitting = [
        record
        for record in kept
        if record.pixels is not None
        and len(record.pixels) in (_N_BYTES * width for width in widths)
        and set(layers) <= record.layer_p_values.keys()
    ]
    numbers = [np.frombuffer(record.pixels or b"", "<f4").astype(np.float64) for record in fitting]
    cells = [own[n_statistics:] for own in numbers]
    p_values = [[float(record.layer_p_values[layer]) for layer in layers] for record in fitting]
    return Traits(
        np.array([own[:n_statistics] for own in numbers]).reshape(-1, n_statistics),
        np.array(p_values, dtype=np.float64).reshape(-1, len(layers)),
        np.stack(cells) if cells and all(len(own) for own in cells) else None,
    )
