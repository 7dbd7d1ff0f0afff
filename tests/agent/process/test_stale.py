"""An agent whose model has changed says so to people, and goes on once a detector fits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from driftgauge.agent.process import stale, stale_wait
from driftgauge.agent.process.stale_wait import CONDITION, StaleWait
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.telemetry import Metrics
from driftgauge.agent.wiring.agent import Agent
from driftgauge.detector import ArtifactCorrupt, ArtifactMismatch
from driftgauge.storage import STALE, DetectorRecord, HeartbeatRecord, Store

from ...stores import DETECTOR, START, STREAM

WHY = "detector detector-1 was fitted for a different configuration: weights: a != b"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "driftgauge.toml"
    path.write_text(
        f'[stream]\nname = "{STREAM}"\ntopic = "images"\n[model]\nfactory = "a:b"\n[http]\nport = 0\n'
    )
    return load_settings(path)


@pytest.fixture
def stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give a store with an active detector, looked at without a pause."""
    monkeypatch.setattr(stale_wait, "LOOK_SECONDS", 0.01)
    store.register_detector(DetectorRecord(DETECTOR, STREAM, "file:1", START, "active", {}))
    return store


class Builds:
    """Refuses the detector for another model until another one is active."""

    def __init__(self, store: Store, look: Any = lambda: None) -> None:
        self.store, self.look, self.times = store, look, 0

    def __call__(self) -> Agent:
        self.times += 1
        active = self.store.active_detector(STREAM)
        if active is not None and active.detector == DETECTOR:
            raise ArtifactMismatch(WHY)
        return cast("Agent", "the agent")


def waited(store: Store, settings: Settings, build: Any, stop: threading.Event) -> Agent | None:
    return stale.build_when_it_fits(build, settings, store, stop=stop, metrics=Metrics(alpha=0.01))


def another(store: Store) -> None:
    record = DetectorRecord("detector-2", STREAM, "file:2", START, "active", {})
    store.register_detector(record)


def test_people_are_told_and_it_goes_on_once_a_detector_fits(
    stored: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    turn = StaleWait._turn

    def turns(self: Any, delivery: Any) -> bool:
        done = turn(self, delivery)
        seen.append((stored.alerts(STREAM), stored.agents(STREAM)))
        if len(seen) == 2:
            another(stored)
        return done

    monkeypatch.setattr(StaleWait, "_turn", turns)
    build = Builds(stored)
    assert cast("object", waited(stored, settings, build, threading.Event())) == "the agent"
    assert build.times == 2
    ((raised,), (agent,)), ((again,), _), *_ = seen
    assert (raised.test, raised.segment, raised.severity) == (STALE, "*", "critical")
    told = f"since {raised.opened_at:%Y-%m-%d %H:%M:%S} UTC images are not scored, and no change is noticed"
    assert raised.message.startswith(f"{told}: {WHY}")
    assert again.id == raised.id  # it is told once
    assert agent.condition == f"not scoring: {WHY}"
    (ended,) = stored.alerts(STREAM)
    assert ended.state == "resolved"
    assert ended.message.startswith("images are scored again since ")
    assert "detector detector-2 fits the model that runs" in ended.message
    assert WHY in ended.message
    assert stored.agents(STREAM) == []


def test_it_leaves_when_asked_and_the_alert_stays(stored: Store, settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    assert waited(stored, settings, Builds(stored), stop) is None
    (raised,) = stored.alerts(STREAM)
    assert raised.state == "open"
    assert stored.agents(STREAM) == []


def test_an_agent_that_scores_leaves_the_alert_of_one_that_does_not(
    stored: Store, settings: Settings
) -> None:
    stop = threading.Event()
    stop.set()
    waited(stored, settings, Builds(stored), stop)
    beat = HeartbeatRecord(
        agent="b", stream=STREAM, host="b", version="1", condition=f"{CONDITION}: {WHY}"
    )
    stored.heartbeat(beat)
    stale.end_stale_alerts(stored, STREAM)
    assert stored.alerts(STREAM)[0].state == "open"
    stored.leave("b")
    stale.end_stale_alerts(stored, STREAM)
    assert stored.alerts(STREAM)[0].state == "resolved"


def test_any_other_fault_ends_the_agent(stored: Store, settings: Settings) -> None:
    def broken() -> Agent:
        raise ArtifactCorrupt("damaged")

    with pytest.raises(ArtifactCorrupt):
        waited(stored, settings, broken, threading.Event())
    assert stored.alerts(STREAM) == []
