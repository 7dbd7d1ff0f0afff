"""An upgrade that is killed while it moves counts goes on where it was: every count is there once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from driftgauge.storage import Database

from ..postgres import find_binaries, go_without, stoppable_server
from ..storage.test_move import counted, fill_at, wanted

UPGRADE = """
import sys, time
from functools import partial
from driftgauge.storage import Database, database

database.move_some = partial(database.move_some, step_rows=4)
def told(moved, total):
    print(moved, total, flush=True)
    time.sleep(0.05)

Database(sys.argv[1]).upgrade(told)
"""
"""Moves one window in each transaction, says so after each, and leaves time to be killed."""
STEPS_BEFORE_KILLS = (1, 4, 2)


def test_an_upgrade_that_is_killed_leaves_each_count_once(empty_url: str) -> None:
    database = Database(empty_url)
    fill_at(database, "0010")
    database.close()
    left = []
    for n_steps in STEPS_BEFORE_KILLS:
        with subprocess.Popen(
            [sys.executable, "-c", UPGRADE, empty_url], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = [process.stdout.readline().split() for _ in range(n_steps + 1)]
            process.send_signal(signal.SIGKILL)
        left.append(int(told[0][1]))
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == len(left)  # each went on from there
    assert database.upgrade()
    database.check_schema()
    assert counted(database) == wanted()
    assert not database.upgrade()
    database.close()


@pytest.mark.postgres
def test_an_upgrade_whose_server_is_killed_says_so_and_the_next_leaves_each_count_once() -> None:
    binaries = find_binaries() or go_without("install Debian's postgresql")
    with stoppable_server(binaries) as server:
        database = Database(server.url)
        fill_at(database, "0010")
        database.close()
        command = [sys.executable, "-c", UPGRADE, server.url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            server.kill()
            _, errors = process.communicate(timeout=60)
        assert "StoreUnavailable" in errors.splitlines()[-1]
        server.start()
        assert 0 < len(counted(database)) < len(wanted())
        assert database.upgrade()
        assert counted(database) == wanted()
        database.close()
