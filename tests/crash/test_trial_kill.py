"""Agents and the retraining die in the middle of a candidate's way: it goes on, and is decided once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.drift.baseline import learn_baselines
from driftgauge.agent.fit.registration import detector_record
from driftgauge.agent.retrain.lease_keeper import lease_name
from driftgauge.detector import load_detector
from driftgauge.storage import Database, DetectorRecord, Store, shadow_name

from ..agent.records import NOON
from ..agent.retrain.traffic import Station, World, first_detector
from ..stores import STREAM as STATION
from .agent import STREAM, AgentProcess
from .ledger import Ledger
from .rig import Rig
from .test_kill import CRASHES, end_all, rig

__all__ = ["rig"]

CANDIDATE = "candidate"
TRIAL_SECONDS = 12.0
"""A busy machine has seven times as long."""

MINUTES_APART = 6


@dataclass
class Minutes:
    """Event times that move on: each batch of pictures is of some minutes after those before."""

    at: datetime = NOON

    def some(self) -> datetime:
        return self.at + timedelta(seconds=random.uniform(0, 60 * MINUTES_APART - 1))

    def move_on(self) -> None:
        self.at += timedelta(minutes=MINUTES_APART)


def activate(rig: Rig) -> DetectorRecord:
    """Register the active version, which has an artifact; return its row."""
    name, detector = first_detector(World(resemblance=0.2), rig.folder / "detector")
    baselines, uri = learn_baselines(detector.reference), rig.folder / "detector" / name
    row = detector_record(STREAM, "brightness-1", uri, baselines, status="active")
    rig.store.register_detector(row)
    return row


def pass_gate(store: Store, row: DetectorRecord) -> None:
    """Write what a retraining writes whose candidate passed; agents put it on trial."""
    plan = {"shadow_seconds": TRIAL_SECONDS}
    begun = store.retrainings.begin(
        STREAM, trigger="person", by="ada", basis="brightness-1", plan=plan
    )
    store.register_detector(replace(row, detector=CANDIDATE, status="candidate"))
    store.retrainings.finish(begun.id, "passed", candidate=CANDIDATE)


@pytest.mark.kafka
@pytest.mark.timeout(600 + 30 * CRASHES)
def test_agents_killed_during_a_trial_leave_one_that_goes_on_and_is_decided_once(rig: Rig) -> None:
    """One of two dies again and again, from before the trial begins until after it is decided."""
    rig.follows = rig.tries = True
    row = activate(rig)
    sent, moments, minutes = Ledger(), random.Random(37), Minutes()
    with ExitStack() as stack, FrameProducer(rig.broker.connection(), rig.topic) as producer:
        sent.send(producer, 60, minutes.some)  # a trial compares from the newest event on
        agents: list[AgentProcess] = [rig.start(), rig.start()]
        stack.callback(end_all, agents)
        rig.wait_until_read(sent)
        pass_gate(rig.store, row)
        rig.wait_for_words(f"beside it: {CANDIDATE}")
        began, n_kills = time.monotonic(), 0
        apart = 1.1 * TRIAL_SECONDS / max(CRASHES - 1, 1)  # the last one about when it is decided
        while state(rig.store) != "active" or n_kills < CRASHES:
            minutes.move_on()
            sent.send(producer, 300, minutes.some)
            rig.wait_for_progress(sent)
            threading.Event().wait(moments.uniform(0.0, 0.6))
            if n_kills < CRASHES and time.monotonic() >= began + n_kills * apart:
                agents.pop(moments.randrange(2)).kill()
                n_kills += 1
                agents.append(rig.start())
            assert state(rig.store) != "refused", rig.store.trials.all(STREAM)[0].reason
            assert time.monotonic() < began + 200 + 20 * CRASHES, rig.words[-4000:]
        rig.wait_until_read(sent)
    rig.check(sent)  # what the shadow counts is in no sum of the stream
    assert_decided_once(rig.store)
    assert_shadow_counted_at_most_once(rig.store, sent)


def state(store: Store) -> str:
    found = store.versions.get(STREAM, CANDIDATE)
    return found.status if found else "unknown"


def assert_decided_once(store: Store) -> None:
    (trial,) = store.trials.all(STREAM)
    assert (trial.state, trial.detector, trial.basis) == ("promoted", CANDIDATE, "brightness-1")
    checks = store.trials.checks(trial.id)
    assert Counter(check.name for check in checks)["scored"] == 1
    assert {check.verdict for check in checks} <= {"passed", "not checked"}
    changes = [one for one in store.versions.changes(STREAM) if one.detector == CANDIDATE]
    assert [one.action for one in changes].count("promoted") == 1
    assert store.versions.shadow_of(STREAM) is None


def assert_shadow_counted_at_most_once(store: Store, sent: Ledger) -> None:
    rows = store.windows(
        STREAM, shadow_name(CANDIDATE), after=None, until=NOON + timedelta(days=30), layers=["*"]
    )
    beside: Counter[tuple[str, datetime]] = Counter()
    for row in rows:
        beside[row.segment, row.window_start] += row.events
    assert beside.total() > 0
    assert not beside - sent.windows  # none more often than it was sent


RETRAINING = """
[stream]
name = "{stream}"
topic = "images"
segments = ["camera"]
[model]
factory = "a:b"
[detector]
path = "{folder}/detector"
[keep]
path = "{folder}/kept"
[store]
url = "{url}"
"""


@pytest.fixture
def upgraded(empty_url: str) -> Iterator[Database]:
    """Give a database of each kind, with its tables, which other processes use by its URL."""
    with closing(Database(empty_url)) as database:
        database.upgrade()
        yield database


@pytest.mark.timeout(900)
def test_a_retraining_killed_at_any_step_is_gone_on_with_by_the_next_and_makes_one_candidate(
    upgraded: Database, empty_url: str, tmp_path: Path
) -> None:
    store = Store(upgraded)
    store.ensure_stream(STATION, "images", 60)
    station = Station.begun(store, tmp_path, World(resemblance=0.2))
    station.send(60)
    settings = tmp_path / "driftgauge.toml"
    settings.write_text(RETRAINING.format(stream=STATION, folder=tmp_path, url=empty_url))
    for step in ("beginning", "checking the candidate"):
        kill_at(store, settings, step)
        let_lease_run_out(upgraded)
    (interrupted,) = store.retrainings.all(STATION)
    assert interrupted.state == "running"
    done = subprocess.run(
        command(settings), capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = store.retrainings.all(STATION)
    assert (record.id, record.state) == (interrupted.id, "passed")
    candidates = [row for row in store.detectors(STATION) if row.status == "candidate"]
    assert [row.detector for row in candidates] == [record.candidate]
    assert load_detector(Path(candidates[0].uri)).channels == station.detector.channels


def let_lease_run_out(database: Database) -> None:
    """Take the lease of a killed process, as if its time were over, and give it back."""
    store = Store(database, now=lambda: datetime.now(UTC) + timedelta(hours=1))
    assert store.acquire_lease(lease_name(STATION), "test", ttl_seconds=1)
    store.release_lease(lease_name(STATION), "test")


def command(settings: Path) -> list[str]:
    return [sys.executable, "-m", "driftgauge", "retrain", "--wait", "--config", str(settings)]


def kill_at(store: Store, settings: Path, step: str) -> None:
    """Start the process and kill it once it is at *step* or beyond it."""
    process = subprocess.Popen(
        command(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    steps = ("beginning", "reading kept taps", "training the denoiser", "checking the candidate")
    deadline = time.monotonic() + 240
    try:
        while True:
            records = store.retrainings.all(STATION, limit=1)
            if records and steps.index(records[0].step) >= steps.index(step):
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
