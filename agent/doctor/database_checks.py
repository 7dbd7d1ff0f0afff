"""Checks of the database."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from driftgauge.storage import Database, StorageError, Store

from .diagnosis import Diagnosis, doubtful, failed, fine
from .patient import Patient

_MAX_CLOCK_SECONDS = 5.0


def check_database(patient: Patient) -> Diagnosis:
    """Does the database answer, and has it the tables of this version?"""
    database = Database(patient.settings.store.url.get_secret_value(), make=False)
    path = database.path
    if path is not None and not path.exists():
        return _not_yet(path)
    try:
        database.check_schema()
    except StorageError:
        database.close()
        raise
    patient.database = database
    if database.others_may_read():
        return doubtful(
            f"{database.name} answers; other users of this machine can read it, with its pictures",
            f"chmod 600 {path}",
        )
    return fine(f"{database.name} answers; its tables have this version")


def _not_yet(path: Path) -> Diagnosis:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK):
        return failed(f"{path} does not exist, and {folder} is not writable", "set store.url")
    return failed(f"{path} does not exist yet", "driftgauge fit creates it")


def check_database_clock(patient: Patient) -> Diagnosis:
    """Does the database's clock agree with ours?"""
    if patient.database is None:
        raise ValueError("the database was not opened before")
    before = datetime.now(UTC)
    theirs = Store(patient.database).clock()
    off = (theirs - before).total_seconds()
    if abs(off) > _MAX_CLOCK_SECONDS:
        return doubtful(
            f"the database's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} ours",
            "set both by NTP; events are dated by this machine and by their senders",
        )
    return fine("the database's clock agrees with this machine's")
