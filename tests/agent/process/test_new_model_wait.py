"""The steps to a new model's first detector: one process at a time, whichever agent goes on, promoted once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from driftgauge.agent.keep.origin import tap_origin
from driftgauge.agent.loop.status import LoopStatus
from driftgauge.agent.process import new_model_wait
from driftgauge.agent.process.new_model_wait import NewModelWait
from driftgauge.agent.retrain.new_model import NewModel, last_attempt
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.wiring.keep import build_kept_upkeep
from driftgauge.agent.wiring.taps_agent import TapsAgent
from driftgauge.detector import ModelIdentity
from driftgauge.storage import DetectorRecord, KeptRun, KeptShard, Store

from ...stores import DETECTOR, START, STREAM, HandClock, advance, flush

MODEL = NewModel(ModelIdentity("new weights", "crop"), {"early": 4})
MINUTES = 16


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "driftgauge.toml"
    path.write_text(
        f'[stream]\nname = "{STREAM}"\ntopic = "images"\n[model]\nfactory = "a:b"\n'
        f'[monitor]\nlearn = "2 hours"\n[keep]\npath = "{tmp_path}/kept"\n'
        "[retrain]\nfit_on_new_model = true\nmin_events = 1000\nmin_new_events = 500\n"
    )
    return load_settings(path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the processes that were started, each of which lives until it is taken out."""
    pids: list[int] = []

    def start(arguments: Any, folder: Path) -> int:
        pids.append(100 + len(pids))
        return pids[-1]

    monkeypatch.setattr(new_model_wait, "start_apart", start)
    monkeypatch.setattr(new_model_wait, "is_alive", lambda pid: pid in pids)
    return pids


@pytest.fixture
def stale(store: Store) -> Store:
    store.register_detector(DetectorRecord(DETECTOR, STREAM, "file:1", START, "active", {}))
    return store


def agent(store: Store, settings: Settings, *, n_lost: int = 0) -> NewModelWait:
    """Return one that keeps the new model's taps, as it is after its start."""
    wait = NewModelWait(settings, store, DETECTOR, "weights: a != b", lambda stop: NotImplemented)
    status = LoopStatus(started_at=0, turned_at=0, flushed_at=0, n_keep_lost=n_lost)
    loop = SimpleNamespace(status=lambda: status)
    wait._agent = cast("TapsAgent", SimpleNamespace(model=MODEL, loop=loop, upkeep=None))
    wait._begin_to_wait()
    return wait


def keep(
    store: Store,
    n_runs: int,
    *,
    first: int = 0,
    model: NewModel = MODEL,
    begin: datetime = START,
) -> None:
    """Let agents keep runs of a quarter of an hour, 100 events each."""
    shards = [
        KeptShard(
            run_start=begin + number * timedelta(minutes=MINUTES), path=f"{model.origin}/{number}",
            sha256="0", bytes=1, events=100, origin=model.origin, detector="none",
        )
        for number in range(first, first + n_runs)
    ]  # fmt: skip
    at = next((one.next_offset for one in store.partitions(STREAM)), None)
    runs = [KeptRun("*", one.run_start, number, one.events, 0) for number, one in enumerate(shards)]
    store.flush(flush(advance(at, (at or 0) + 1), kept_shards=shards, kept_runs=runs))


def test_it_waits_for_events_runs_and_time_and_starts_one_process(
    stale: Store, settings: Settings, started: list[int]
) -> None:
    wait = agent(stale, settings)
    wait._go_on()
    assert "0 events are kept of it, 1000 wanted" in wait._heartbeat().condition
    keep(stale, 30, model=NewModel(ModelIdentity("others", "crop"), {"early": 4}))
    keep(stale, 9)
    wait._go_on()
    assert "900 events are kept of it, 1000 wanted" in wait._heartbeat().condition
    assert stale.retrainings.all(STREAM) == []
    keep(stale, 1, first=9)
    wait._go_on()
    (record,) = stale.retrainings.all(STREAM)
    assert (record.trigger, record.basis, record.state) == ("new model", DETECTOR, "running")
    assert last_attempt(stale, STREAM, MODEL) == record
    assert MODEL.origin == tap_origin(MODEL.identity, MODEL.channels)
    for _ in range(3):
        wait._go_on()
    assert len(started) == 1
    assert "its first detector is being fitted" in wait._heartbeat().condition


def test_what_is_kept_must_span_as_long_as_a_segment_learns(
    stale: Store, settings: Settings, started: list[int]
) -> None:
    wait = agent(stale, settings)
    keep(stale, 7)
    settings.retrain.__dict__["min_events"] = 400
    wait._go_on()
    assert wait._lacking == "7 runs of windows are kept of it, 10 wanted"
    settings.monitor.__dict__["learn"] = timedelta(hours=5)
    keep(stale, 3, first=7)
    wait._go_on()
    assert wait._lacking == "what is kept of it spans 2.5 hours, 5.0 hours wanted"
    assert started == []


def test_a_killed_process_is_started_again_by_whichever_agent_holds_the_lease(
    stale: Store, settings: Settings, started: list[int]
) -> None:
    first, second = agent(stale, settings), agent(stale, settings)
    keep(stale, 10)
    first._go_on()
    second._go_on()  # it has no lease
    assert len(started) == 1
    started.clear()  # the process was killed, and its agent
    stale.leave(first._name)
    second._go_on()
    assert len(started) == 1
    assert len(stale.retrainings.all(STREAM)) == 1


def test_a_refused_one_is_tried_again_with_more_and_one_that_passed_is_promoted_once(
    stale: Store, settings: Settings, started: list[int], clock: HandClock
) -> None:
    wait = agent(stale, settings)
    keep(stale, 10)
    wait._go_on()
    (record,) = stale.retrainings.all(STREAM)
    stale.retrainings.finish(record.id, "refused", reason="its rate")
    clock.advance(60)
    wait._go_on()
    assert wait._lacking == (
        "0 events are kept of it since retraining 1, 500 wanted; that one was refused: its rate"
    )
    keep(stale, 5, first=10)
    started.clear()
    wait._go_on()
    newest, _ = stale.retrainings.all(STREAM)
    assert newest.state == "running"
    stale.register_detector(DetectorRecord("first", STREAM, "file:2", START, "candidate", {}))
    stale.retrainings.finish(newest.id, "passed", candidate="first")
    wait._go_on()
    wait._go_on()
    active = stale.active_detector(STREAM)
    assert active is not None
    assert active.detector == "first"
    changes = [one for one in stale.versions.changes(STREAM, "first") if one.action == "promoted"]
    assert [one.detector for one in changes] == ["first"]
    stale.versions.rollback(STREAM, by="ada")
    wait._go_on()
    assert "detector first was fitted for it and is not active any more" in wait._lacking


def test_an_archive_is_enough_for_a_first_detector(
    stale: Store, settings: Settings, started: list[int]
) -> None:
    """Its events are dated long before `keep.keep_days`; the upkeep leaves what was kept just now."""
    wait = agent(stale, settings)
    keep(stale, 10, begin=START - timedelta(days=400))
    upkeep = build_kept_upkeep(settings, stale)
    assert upkeep is not None
    upkeep.turn(stale.clock())
    wait._go_on()
    assert (wait._lacking, len(started)) == ("", 1)


def test_a_wait_that_cannot_end_says_why_and_the_log_once(
    stale: Store,
    settings: Settings,
    started: list[int],
    clock: HandClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.keep.__dict__["keep_days"] = 8.0
    wait = agent(stale, settings)
    keep(stale, 1)
    clock.advance(12 * 3600)
    wait._go_on()
    assert wait._heartbeat().condition.endswith("100 events are kept of it, 1000 wanted")
    clock.advance(36 * 3600)
    keep(stale, 1, first=1)
    for _ in range(3):
        wait._go_on()
    slow = (
        "200 events are kept of it, 1000 wanted; at the rate of the last 2 days about 800 are kept at a time, "
        "since each goes after keep.keep_days = 8: raise it or keep.runs_per_day, or lower retrain.min_events"
    )
    assert wait._heartbeat().condition.endswith(slow)
    assert caplog.text.count("may never be fitted") == 1
    keep(stale, 5, first=2)
    wait._go_on()
    assert wait._heartbeat().condition.endswith("700 events are kept of it, 1000 wanted")
    assert started == []


def test_a_stream_that_has_ended_and_too_little_room_are_told(
    stale: Store, settings: Settings, clock: HandClock
) -> None:
    wait = agent(stale, settings)
    keep(stale, 9)
    clock.advance(25 * 3600)
    wait._go_on()
    assert wait._hindered == "none was kept since 2026-03-01 12:00 UTC"
    settings.keep.__dict__["max_bytes"] = 8
    wait._go_on()
    assert wait._hindered.startswith("keep.max_bytes = 0 MB holds about 800 such events: raise it")


def test_taps_that_could_not_be_written_are_told(stale: Store, settings: Settings) -> None:
    wait = agent(stale, settings, n_lost=70)
    wait._go_on()
    assert (
        f"70 more could not be written to keep.path = '{settings.keep.path}'"
        in wait._heartbeat().condition
    )


def test_a_process_that_dies_again_and_again_is_told(
    stale: Store, settings: Settings, started: list[int]
) -> None:
    wait = agent(stale, settings)
    keep(stale, 10)
    for _ in range(3):
        wait._go_on()
        started.clear()
    condition = wait._heartbeat().condition
    assert "its first detector is being fitted, begun 3 times: see retraining.log in" in condition
