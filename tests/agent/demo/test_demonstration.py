"""The demonstration runs the real agent, and says what that wrote."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.demonstration import DemoOptions, run_demo
from driftgauge.agent.demo.faults import FAULT_KINDS
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.plan import Spans
from driftgauge.agent.demo.report import DemoOutcome
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.storage import Database, Store

ROOT = Path(__file__).parents[3]
SMALL = Spans(reference=112, normal=16, fault=16, recovery=16)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, broker: EmbeddedBroker) -> Path:
    """Give a user's own images of two cameras; the shared broker shows that one can start."""
    pytest.importorskip("skimage")
    assert broker.address
    folder = tmp_path_factory.mktemp("demo")
    for camera in photograph_cameras()[:2]:
        (folder / "images" / camera.name).mkdir(parents=True)
        (folder / "images" / camera.name / "a.jpg").write_bytes(frame(camera, 0, seed=0))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> tuple[DemoOutcome, str]:
    """Give the outcome of a small run on the user's images, and what it printed."""
    console = Console(file=io.StringIO(), width=120)
    options = DemoOptions(
        seed=1, severity="plain", images=folder / "images", run_dir=folder / "run",
        image_size=64, spans=SMALL,
    )  # fmt: skip
    outcome = run_demo(options, console)
    assert isinstance(console.file, io.StringIO)
    return outcome, console.file.getvalue()


def test_every_frame_is_counted_once_and_every_window_judged(
    run: tuple[DemoOutcome, str], folder: Path
) -> None:
    outcome, _ = run
    database = Database(f"sqlite:///{folder}/run/driftgauge.db")
    counts = Store(database).event_counts(outcome.stream)
    database.close()
    assert counts.pop("*") == outcome.plan.n_live
    assert set(counts.values()) == {outcome.plan.n_live // 2}


def test_verdict_summary_and_screen_say_the_same(
    run: tuple[DemoOutcome, str], folder: Path
) -> None:
    outcome, printed = run
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert [fault["kind"] for fault in summary["faults"]] == list(FAULT_KINDS)
    assert sum(fault["found"] for fault in summary["faults"]) == outcome.verdict.n_found
    assert printed.count("not found") == len(FAULT_KINDS) - outcome.verdict.n_found
    assert f"quiet frames: {summary['false_alarms']}" in printed
    speed = summary["images_per_second"]  # so few frames may be counted in one flush
    assert "Speed: not measured" in printed if speed is None else speed > 0
    assert all(Path(path).exists() for path in summary["paths"].values())


def test_the_agent_left_cleanly(run: tuple[DemoOutcome, str], folder: Path) -> None:
    assert run[0].verdict is not None
    log = (folder / "run" / "agent.log").read_text()
    assert "agent stopped" in log
    assert "Traceback" not in log


def test_the_webhook_received_every_step_of_every_alert(
    run: tuple[DemoOutcome, str], folder: Path
) -> None:
    outcome, _ = run
    database = Database(f"sqlite:///{folder}/run/driftgauge.db")
    counts = {one.state: one.count for one in Store(database).notification_counts(outcome.stream)}
    database.close()
    bodies = (folder / "run" / "webhook.jsonl").read_text().splitlines()
    assert set(counts) <= {"sent"}
    assert len(outcome.messages) == len(bodies) == counts.get("sent", 0)


def test_the_printed_commands_work(run: tuple[DemoOutcome, str], folder: Path) -> None:
    for command in run[0].commands:
        if command.startswith("sqlite3"):
            continue
        words = command.split()[1:]
        shown = subprocess.run(
            [sys.executable, "-m", "driftgauge.agent.command", *words], capture_output=True,
            text=True, check=False, cwd=Path.cwd(),
        )  # fmt: skip
        assert shown.returncode == 0, shown.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_make_demo_finds_every_mild_fault_names_four_and_raises_no_false_alarm(
    seed: int, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    done = subprocess.run(
        ["make", "demo", f"DEMO=--seed {seed} --run-dir {run_dir}"],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((run_dir / "summary.json").read_text())
    assert all(fault["found"] and fault["frames"] <= 64 for fault in summary["faults"])
    assert sum(fault["is_named_rightly"] for fault in summary["faults"]) >= 4
    assert summary["false_alarms"] == 0
    assert len(summary["webhook_messages"]) >= len(summary["faults"])
