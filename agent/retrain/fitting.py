"""Fits a candidate like the active detector, and writes it with its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgauge.detector import Detector, Progress, fit_detector, save_detector
from driftgauge.storage import RetrainingRecord, Store

from ..drift.baseline import learn_baselines
from ..fit.companions import ANCHOR, encode_anchor
from ..fit.registration import detector_record, normal_rates
from .basis import Basis
from .carried import class_notes, with_carried_faults
from .taps_sample import TapsSample


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How a candidate is fitted.

    Attributes:
        calibrate_by: as for a fit.
        checkpoint: from which training goes on after a kill.
    """

    seed: int
    window_seconds: int
    calibrate_by: str
    checkpoint: Path


def fit_candidate(
    basis: Basis, sample: TapsSample, how: Fitting, on_progress: Callable[[Progress], None]
) -> Detector:
    """Return a detector fitted on *sample* like the active one, which names faults where that one does."""
    how.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    candidate = fit_detector(
        sample.taps,
        window_ids=sample.window_ids(how.window_seconds),
        segments=sample.segments,
        seed=how.seed,
        preset=basis.detector.preset,
        calibrate_by=how.calibrate_by,
        on_progress=on_progress,
        checkpoint=how.checkpoint,
    )
    return with_carried_faults(candidate, basis, seed=how.seed)


def save_candidate(
    candidate: Detector,
    basis: Basis,
    folder: Path,
    *,
    record: RetrainingRecord,
    figures: Mapping[str, Any],
    alpha: float,
    beside: Mapping[str, bytes],
) -> str:
    """Write a candidate's files below *folder*, and those *beside* it; return its name."""
    notes = {
        "normal_rates": normal_rates(learn_baselines(candidate.reference), alpha),
        **class_notes(candidate, basis),
        "retraining": {
            "id": record.id,
            "basis": basis.name,
            "learnt_events": figures["learnt_events"],
            "learnt_from": figures["from"],
            "learnt_until": figures["until"],
            "is_first_of_model": basis.new_model is not None,
        },
    }
    return save_detector(candidate, folder, basis.identity, notes, beside)


def files_beside(
    candidate: Detector, basis: Basis, sample: TapsSample, window_seconds: int
) -> dict[str, bytes]:
    """Return the files that go on to the next detector; a model's first one begins its anchor."""
    if basis.new_model is None:
        return basis.companions()
    windows = sample.window_ids(window_seconds)
    return {ANCHOR: encode_anchor(sample.taps, windows, sample.segments, candidate.channels)}


def register_candidate(
    store: Store, candidate: Detector, folder: Path, *, record: RetrainingRecord, why: str
) -> None:
    """Write the row of a candidate; what the gate refused, for the reasons in *why*, is refused."""
    row = detector_record(
        record.stream,
        folder.name,
        folder,
        learn_baselines(candidate.reference),
        status="refused" if why else "candidate",
    )
    store.versions.register(row, by=f"retraining {record.id}", note=why or "passed its gate")
