"""Three agents reach PostgreSQL through PgBouncer, each transaction on any of its connections."""

from __future__ import annotations

import threading

import pytest

from driftgauge.storage import Database, HeartbeatRecord, Store

from ..pgbouncer import pgbouncer
from ..stores import DETECTOR, START, STREAM, TOPIC, advance, flush, window

AGENTS, ROUNDS = 3, 25
pytestmark = pytest.mark.postgres


def live(url: str, number: int, failures: list[BaseException]) -> None:
    """Do what an agent's store does, as often as it takes for a driver to prepare statements."""
    database = Database(url)
    store = Store(database)
    name = f"agent {number}"
    try:
        for turn in range(ROUNDS):
            rows = [window({3: 1}, segment=name), window({3: 1})]
            store.flush(flush(advance(turn or None, turn + 1, partition=number), windows=rows))
            store.heartbeat(
                HeartbeatRecord(agent=name, stream=STREAM, host="h", version="1", condition="runs")
            )
            store.acquire_lease("monitor", name, ttl_seconds=0.0)
            store.windows(STREAM, DETECTOR, after=None, until=START.replace(year=2027))
            store.offsets(STREAM, [(TOPIC, number)])
    except BaseException as error:
        failures.append(error)
    finally:
        database.close()


def test_three_agents_share_a_pooler_in_transaction_mode(postgres_url: str) -> None:
    failures: list[BaseException] = []
    with pgbouncer(postgres_url) as url:
        database = Database(url)
        database.upgrade()
        Store(database).ensure_stream(STREAM, TOPIC, 60)
        agents = [threading.Thread(target=live, args=(url, n, failures)) for n in range(AGENTS)]
        for agent in agents:
            agent.start()
        for agent in agents:
            agent.join()
        assert failures == []
        counted = Store(database).event_counts(STREAM)
        database.close()
    assert counted == {"*": AGENTS * ROUNDS, **{f"agent {n}": ROUNDS for n in range(AGENTS)}}
