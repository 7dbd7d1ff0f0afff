"""The database's row of a fitted detector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from driftgauge.detector import read_manifest
from driftgauge.storage import ALPHAS, DetectorRecord, DetectorStatus

from ..drift.baseline import Baseline


def normal_rates(baselines: Mapping[str, Baseline], alpha: float) -> dict[str, float]:
    """Return the OOD rate of each segment that has enough reference to speak of."""
    return {segment: baseline.rate(alpha) for segment, baseline in baselines.items()}


def detector_record(
    stream: str,
    name: str,
    folder: Path,
    baselines: Mapping[str, Baseline],
    *,
    status: DetectorStatus,
) -> DetectorRecord:
    """Return the row of the detector that `save_detector` wrote to *folder*."""
    manifest = read_manifest(folder)
    return DetectorRecord(
        detector=name,
        stream=stream,
        uri=str(folder),
        created_at=datetime.now(UTC),
        status=status,
        manifest={
            **manifest,
            "normal_rates": manifest["notes"]["normal_rates"],
            # beside the one that is set now: stream.alpha may be changed without another fit
            "normal_rates_at": {f"{alpha:g}": normal_rates(baselines, alpha) for alpha in ALPHAS},
        },
    )
