"""An upgrade that is killed while it moves counts goes on where it was: every count is there once."""

from __future__ import annotations

import signal
import subprocess
import sys

from driftgauge.storage import Database

from ..storage.test_move import counted, fill_at, wanted

UPGRADE = """
import sys
from functools import partial
from driftgauge.storage import Database, database

database.move_some = partial(database.move_some, step_rows=4)
Database(sys.argv[1]).upgrade(lambda moved, total: print(moved, total, flush=True))
"""
"""Moves one window in each transaction, and says so after each."""
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
