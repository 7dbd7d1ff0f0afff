"""What tests of the commands share: the command line in an empty folder, and a database to read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from driftgauge.agent.command.__main__ import main
from driftgauge.storage import (
    DetectorRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    ScoreSummary,
    Store,
)

from ...stores import START, STREAM, TOPIC, advance, alert, flush, upgraded, window

SETTINGS = f"""\
[stream]
name = "{STREAM}"
topic = "{TOPIC}"
[model]
source = "timm:resnet18"
[store]
url = "sqlite:///runs/driftgauge.db"
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def values(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in an empty folder, wide enough for its tables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["driftgauge", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Outcome(code, captured.out, captured.err)

    return command


@pytest.fixture
def written(run: Run, tmp_path: Path) -> Iterator[Store]:
    """Give the store of a database that the settings file of this folder names."""
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    database = upgraded(f"sqlite:///{tmp_path}/runs/driftgauge.db")
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    yield store
    database.close()


@pytest.fixture
def watched(written: Store) -> Store:
    """Fill the store with two hours of two cameras, one alert that lives and one that does not."""
    rows = [
        window({0: bad, 17: 100 - bad}, minute=minute, segment=segment, layer=layer)
        for minute, bad in ((0, 1), (60, 30))
        for segment in ("*", "camera=3", "camera=[4]")
        for layer in ("*", "blocks.1")
    ]
    summary = ScoreSummary("blocks.1", 200, 0.5, float("nan"), 0.1, 9.5, 0.2, 0.45, 1.5)
    written.flush(flush(advance(None, 200), windows=rows, summaries=[summary]))
    manifest = {"normal_rates": {"*": 0.01, "camera=3": 0.5}}
    written.register_detector(
        DetectorRecord("detector-1", STREAM, "runs/d1", START, status="active", manifest=manifest)
    )
    old = alert(segment="camera=[4]", message="camera [4]: it was dark")
    old, _ = written.judge(Judgement(STREAM, None, MonitorState(START, ""), [old, alert()]))
    written.transition_alert(old.id or 0, "resolved", at=START, by="ada")
    tell(written)
    return written


def tell(store: Store, condition: str = "running", **more: Any) -> None:
    """Let an agent tell of itself now, by the database's real clock."""
    beat = HeartbeatRecord(
        agent="a/1/x", stream=STREAM, host="edge-7", version="0.1.0", condition=condition, **more
    )
    Store(store._database).heartbeat(beat)
