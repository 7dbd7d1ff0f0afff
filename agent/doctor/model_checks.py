"""Checks of the model and of the detector on it."""

from __future__ import annotations

from pathlib import Path

from driftgauge.detector import load_detector
from driftgauge.storage import Store

from ..model.reader import LayerReader
from ..wiring.model import build_model
from .diagnosis import Diagnosis, doubtful, failed, fine
from .patient import Patient


def check_model(patient: Patient) -> Diagnosis:
    """Does the model load, and how are pictures prepared for it?"""
    loaded = patient.model = build_model(patient.settings)
    chosen = loaded.preprocessing
    words = f"{loaded.name} on {loaded.device}"
    if chosen is not None:
        words += f"; preprocessing ({chosen.origin}): {chosen.summary}"
    return doubtful(words, " ".join(loaded.notes)) if loaded.notes else fine(words)


def check_detector(patient: Patient) -> Diagnosis:
    """Has the stream an active detector, and is its folder there?"""
    if patient.database is None:
        raise ValueError("the database was not opened before")
    stream = patient.settings.stream.name
    patient.detector = Store(patient.database).active_detector(stream)
    if patient.detector is None:
        return failed(f"stream {stream!r} has no detector in this database", "driftgauge fit")
    folder = Path(patient.detector.uri)
    if not folder.is_dir():
        return failed(
            f"{patient.detector.detector} is registered, but its folder {folder} does not exist",
            "restore the folder, or run driftgauge fit",
        )
    return fine(f"{patient.detector.detector} in {folder}")


def check_fit(patient: Patient) -> Diagnosis:
    """Was the detector fitted on this model, with this preprocessing and precision?"""
    if patient.detector is None or patient.model is None:
        raise ValueError("detector and model were not checked before")
    detector = load_detector(Path(patient.detector.uri), patient.model.identity)
    LayerReader(patient.model, detector.taps).try_out()
    n = len(detector.layers)
    return fine(f"the detector matches the model; a grey picture went through its {n} layers")
