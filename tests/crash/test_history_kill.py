"""Whatever is killed in a flush, a roll-up or retention: every count is in the history once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from driftgauge.storage import Database, Store

from ..postgres import find_binaries, go_without, stoppable_server
from ..stores import STREAM, TOPIC, upgraded
from .history_writer import flush_at, turn

KILLS = 5


@pytest.fixture
def fresh(empty_url: str) -> Iterator[Database]:
    database = upgraded(empty_url)
    Store(database).ensure_stream(STREAM, TOPIC, 60)
    yield database
    database.close()


def writer(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.crash.history_writer", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def has_each_count_once(database: Database) -> None:
    turn(database)  # and it goes on
    n = Store(database).offsets(STREAM, [(TOPIC, 0)])[TOPIC, 0]
    counted: Counter[str] = Counter()
    for offset in range(n):
        for row in flush_at(offset).windows:
            counted[row.segment] += row.events
    for view in ("minutely", "hourly", "daily"):
        with database.read() as connection:
            found = connection.exec_driver_sql(
                f"SELECT segment, sum(events) FROM ood_rate_{view} GROUP BY segment"
            ).fetchall()
        assert {name: int(events) for name, events in found} == dict(counted), view


def test_a_process_that_is_killed_leaves_each_count_once(fresh: Database, empty_url: str) -> None:
    rng = random.Random(7)
    for _ in range(KILLS):
        process = writer(empty_url)
        time.sleep(rng.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    has_each_count_once(fresh)


@pytest.mark.postgres
def test_a_server_that_is_killed_leaves_each_count_once() -> None:
    binaries = find_binaries() or go_without("install Debian's postgresql")
    with stoppable_server(binaries) as server:
        database = upgraded(server.url)
        Store(database).ensure_stream(STREAM, TOPIC, 60)
        process = writer(server.url)
        for _ in range(2):
            time.sleep(0.7)
            server.kill()
            server.start()
        time.sleep(0.5)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        database.close()
        has_each_count_once(database)
        database.close()
