"""A database that the tests of the pages fill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgauge.storage import Store

from ...stores import upgraded


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/driftgauge.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    database = upgraded(url)
    yield Store(database)
    database.close()
