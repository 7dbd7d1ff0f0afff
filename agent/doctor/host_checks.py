"""Checks of the machine that the agent runs on."""

from __future__ import annotations

import shutil

from driftgauge.storage import Database

from .diagnosis import Diagnosis, doubtful, failed, fine
from .patient import Patient

_MIB = 1024 * 1024
_SPARE_BYTES = 512 * _MIB


def check_settings(patient: Patient) -> Diagnosis:
    """Are the settings usable? They were loaded, or this check would not run."""
    stream = patient.settings.stream
    return fine(
        f"stream {stream.name}, topic {stream.topic}, segments {', '.join(stream.segments)}"
    )


def check_disk(patient: Patient) -> Diagnosis:
    """Is there room for the database, its pictures and a fit?"""
    settings = patient.settings
    path = Database(settings.store.url.get_secret_value(), make=False).path
    needs = {settings.detector.path: _SPARE_BYTES}
    if path is not None:
        needs[path] = settings.evidence.max_bytes + _SPARE_BYTES
    told = []
    for place, wanted in needs.items():
        folder = next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
        free = shutil.disk_usage(folder if folder.is_dir() else folder.parent).free
        told.append(f"{free // _MIB:,} MiB free at {place}")
        if free < _SPARE_BYTES:
            return failed(
                told[-1], "free disk space, or set another path (store.url, detector.path)"
            )
        if free < wanted:
            return doubtful(
                f"{told[-1]}; pictures alone may take {settings.evidence.max_bytes // _MIB:,} MiB",
                "free disk space, or lower evidence.max_bytes",
            )
    return fine("; ".join(told))
