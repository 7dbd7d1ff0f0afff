"""The demonstration of a season: the light moves, a detector is retrained, promoted, and no frame is lost."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.plan import SeasonSpans, plan_season
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.demo.season import Season, in_season
from driftgauge.agent.demo.season_outcome import SeasonOutcome
from driftgauge.agent.demo.season_run import SeasonOptions, run_season

from .pretend import NOW

ROOT = Path(__file__).parents[3]
SMALL = SeasonSpans(
    reference=112, normal=32, moving=64, moved=256, after=32, shadow_seconds=0, most=4000
)


QUICK: dict[str, dict[str, object]] = {
    "detector": {"method": "mahalanobis"},
    "retrain": {"min_agreement": 0.0},
}
"""A method without training; from two hundred images it ranks normal frames by chance, in any season."""


def mean_of(content: bytes) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.asarray(Image.open(io.BytesIO(content)), float).mean((0, 1))
    return mean


def test_a_season_moves_from_nothing_to_everything() -> None:
    season = Season(begins=100, ends=200)
    assert [season.share(index) for index in (0, 100, 125, 200, 900)] == [0, 0, 0.25, 1, 1]


def test_the_light_grows_warmer_and_a_frame_without_season_is_as_before() -> None:
    pytest.importorskip("skimage")
    camera = photograph_cameras()[0]
    before = frame(camera, 7, seed=1)
    assert frame(camera, 7, seed=1, season=0.0) == before
    red, _, blue = mean_of(frame(camera, 7, seed=1, season=1.0)) - mean_of(before)
    assert red > blue
    assert in_season(Image.new("RGB", (4, 4)), 0.5).size == (4, 4)


def test_a_plan_with_a_season_has_no_fault_and_no_frame_in_the_future() -> None:
    plan = plan_season(["a", "b"], spans=SMALL, seed=1, now=NOW)
    assert plan.faults == ()
    assert plan.time(plan.frames - 1) < NOW
    moved = SMALL.reference + SMALL.normal + SMALL.moving
    assert (plan.season_share(moved - SMALL.moving), plan.season_share(moved)) == (0, 1)
    assert replace(plan, season=None).season_share(moved) == 0


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, broker: EmbeddedBroker
) -> tuple[SeasonOutcome, str]:
    """Give the outcome of a small run with two cameras, and what it printed."""
    pytest.importorskip("skimage")
    assert broker.address  # the shared broker shows that one can start
    folder = tmp_path_factory.mktemp("season")
    for camera in photograph_cameras()[:2]:
        (folder / "images" / camera.name).mkdir(parents=True)
        (folder / "images" / camera.name / "a.jpg").write_bytes(frame(camera, 0, seed=0))
    console = Console(file=io.StringIO(), width=120)
    options = SeasonOptions(
        seed=1, images=folder / "images", run_dir=folder / "run", image_size=64, spans=SMALL,
        settings=QUICK, fit_arguments=("--probes", "16"),
    )  # fmt: skip
    outcome = run_season(options, console)
    assert isinstance(console.file, io.StringIO)
    return outcome, console.file.getvalue()


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_a_candidate_passes_its_gate_and_scores_the_stream_which_loses_nothing(
    run: tuple[SeasonOutcome, str],
) -> None:
    outcome, printed = run
    assert outcome.is_promoted, outcome.retraining.reason
    assert outcome.sent == outcome.counted
    *_, moved, after = outcome.rates
    assert (moved.detector, after.detector) == (
        outcome.retraining.basis,
        outcome.retraining.candidate,
    )
    assert moved.rate is not None
    assert after.rate is not None
    assert after.rate < moved.rate
    assert after.frames >= 2 * SMALL.after
    for words in ("The gate of candidate", "false alarms", "detectors rollback", "(each once)"):
        assert words in printed
    summary = json.loads(outcome.paths["folder"].joinpath("summary.json").read_text())
    assert summary["promoted"]
    assert summary["frames_sent"] == summary["frames_counted"] == outcome.sent


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_the_suggested_rollback_brings_the_detector_before_back(
    run: tuple[SeasonOutcome, str],
) -> None:
    outcome, _ = run
    words = outcome.commands["Go back to the detector before"].split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "driftgauge.agent.command", *words], capture_output=True,
        text=True, check=False, cwd=Path.cwd(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert outcome.retraining.basis in done.stdout


@pytest.mark.slow
def test_the_season_is_shown_in_under_four_minutes_with_a_trial(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    done = subprocess.run(
        ["make", "demo", f"DEMO=--season --run-dir {run_dir}"],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((run_dir / "summary.json").read_text())
    assert (summary["retraining"], summary["trial"]) == ("passed", "promoted")
    assert summary["frames_sent"] == summary["frames_counted"]
    rates = {rate["part"]: rate["rate"] for rate in summary["rates"]}
    assert rates["after the promotion"] < rates["when it has moved"] / 2
