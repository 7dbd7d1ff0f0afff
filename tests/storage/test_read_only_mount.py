"""A database on a read-only mount is read by every command that only reads, and says why it is not written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgauge.storage import Database, StorageError, Store

from ..stores import STREAM, TOPIC, advance, flush, window


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with a database, mounted so that nobody can write it."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "mount").mkdir()
    database = Database(f"sqlite:///{tmp_path}/disk/driftgauge.db")
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    store.flush(flush(advance(None, 1), windows=[window({0: 3})]))
    database.close()
    for command in (
        ["mount", "--bind", str(tmp_path / "disk"), str(tmp_path / "mount")],
        ["mount", "-o", "remount,ro,bind", str(tmp_path / "mount")],
    ):
        if (
            os.geteuid() != 0
            or subprocess.run(command, check=False, capture_output=True).returncode
        ):
            pytest.skip("needs the right to mount")
    yield tmp_path / "mount"
    subprocess.run(["umount", str(tmp_path / "mount")], check=True)


def test_a_database_on_a_read_only_mount_is_read_and_not_written(mounted: Path) -> None:
    database = Database(f"sqlite:///{mounted}/driftgauge.db", make=False)
    database.check_schema()
    store = Store(database)
    assert store.event_counts(STREAM) == {"*": 3}
    (rate,) = store.rates(STREAM)
    assert rate.events == 3
    found = database.query("SELECT events FROM ood_rate_daily", timeout_seconds=5, limit=5)
    assert found.rows == [(3,)]
    with pytest.raises(StorageError) as told:
        store.ensure_stream("other", TOPIC, 60)
    assert "write permission on the file and its folder" in told.value.hint
    database.close()
