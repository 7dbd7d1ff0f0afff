from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftgauge.agent.command.__main__ import app
from driftgauge.agent.retrain import own_process
from driftgauge.storage import Database, Store

from ...stores import STREAM
from ..retrain.traffic import PATTERN, Station, World

SETTINGS = """
[stream]
name = "{stream}"
topic = "images"
segments = ["camera"]
[model]
factory = "a:b"
[store]
url = "sqlite:///{folder}/driftgauge.db"
[detector]
path = "{folder}/detector"
[keep]
path = "{folder}/kept"
"""


def told(path: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*words, "--config", str(path)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_process_of_its_own_is_given_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[str]] = []

    def start_apart(words: list[str], folder: Path) -> int:
        given.append(words)
        return 7

    monkeypatch.setattr(own_process, "start_apart", start_apart)
    path = tmp_path / "driftgauge.toml"
    path.write_text(SETTINGS.format(stream=STREAM, folder=tmp_path))
    told(path, "retrain")
    assert "retraining in process 7" in told(path, "retrain", "--now", "--accept-learnt")
    assert given == [
        ["--config", str(path)],
        ["--config", str(path), "--now", "--accept-learnt"],
    ]


def test_a_person_looks_retrains_and_reviews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events are of a time that has passed, and every answer is there for scripts."""
    monkeypatch.setattr(own_process, "yield_to_others", lambda **_: None)
    path = tmp_path / "driftgauge.toml"
    path.write_text(SETTINGS.format(stream=STREAM, folder=tmp_path))
    database = Database(f"sqlite:///{tmp_path}/driftgauge.db")
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, "images", 60)
    station = Station.begun(store, tmp_path, World(resemblance=0.2))
    assert "no retraining yet" in told(path, "retrain", "--list")
    assert json.loads(told(path, "retrain", "--dry-run", "--json", code=3))["refused"]
    station.send(60)
    station.send(2, lambda taps, age: taps + 6 * PATTERN, cameras=[0])
    looked = json.loads(told(path, "retrain", "--dry-run", "--json"))
    assert looked["refused"] is None
    done = json.loads(told(path, "retrain", "--wait", "--json"))
    assert (done["state"], done["basis"]) == ("passed", station.name)
    assert {check["name"] for check in done["checks"]} == {
        *("finite", "false alarms", "probes", "real alerts", "agreement", "anchor", "learnt"),
    }
    candidate = store.versions.get(STREAM, done["candidate"])
    assert candidate is not None
    assert candidate.status == "candidate"
    assert done["candidate"] in told(path, "retrain", "--list")
    waiting = json.loads(told(path, "reference", "list", "--json"))
    assert {row["segment"] for row in waiting} == {"camera=0"}
    assert "1 runs accepted" in told(path, "reference", "accept", str(waiting[0]["id"]))
    assert "1 runs refused" in told(path, "reference", "refuse", str(waiting[1]["id"]))
    assert len(json.loads(told(path, "reference", "list", "--json"))) == len(waiting) - 2 == 0
    assert "cool_down lasts until" in told(path, "retrain", "--wait", code=3)
    again = json.loads(told(path, "retrain", "--wait", "--accept-learnt", "--json", code=3))
    assert again["plan"]["accepts_learnt"] is True
    status = told(path, "status", code=3)
    assert "kept taps" in status
    assert "cool_down" in status
    database.close()
