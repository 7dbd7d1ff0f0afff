from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from driftgauge.agent.command.__main__ import app
from driftgauge.agent.retrain import own_process
from driftgauge.storage import Store

from ...stores import STREAM, advance, evidence, flush, upgraded
from ..records import jpeg
from ..retrain.traffic import PATTERN, RUN, Station, World

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


PICTURES = [jpeg(), jpeg() + b"a second one"]


def keep_evidence(store: Store, run: dict[str, Any]) -> None:
    """Write two unusual events of the run, the second one less unusual, and one of another run."""
    start = datetime.fromisoformat(run["run_start"])
    moments = (start + timedelta(minutes=1), start + timedelta(minutes=7), start - RUN)
    pictures = [*PICTURES, jpeg()]
    kept = [
        evidence(
            10**6 + place, p=0.001 * (1 + place), segment=run["segment"], event_time=at,
            window_start=at, thumbnail=pictures[place],
        )
        for place, at in enumerate(moments)
    ]  # fmt: skip
    (partition,) = store.partitions(STREAM)
    offset = partition.next_offset
    store.flush(flush(advance(offset, offset), evidence=kept))


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
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
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
    shown = told(path, "reference", "list", "--pictures", str(tmp_path / "none"))
    assert "0 pictures in " in shown
    assert f"no picture is kept of {waiting[0]['id']}, {waiting[1]['id']}: " in shown
    keep_evidence(store, waiting[0])
    listed = json.loads(
        told(path, "reference", "list", "--json", "--pictures", str(tmp_path / "aside"))
    )
    first = waiting[0]["id"]
    assert [row["pictures"] for row in listed] == [[f"{first}-1.jpg", f"{first}-2.jpg"], []]
    assert (tmp_path / "aside" / f"{first}-1.jpg").read_bytes() == PICTURES[0]
    assert "2 pictures in " in told(
        path, "reference", "list", "--pictures", str(tmp_path / "aside")
    )
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
