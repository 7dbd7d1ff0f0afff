"""scripts/gpu-check: each step has its time, and what was not measured is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.benchmarks import cost, gpu_check
from tests.benchmarks.arrangement import ARRANGEMENTS
from tests.benchmarks.gpu_check import STEPS, closure, missing_packages, run_step

ROOT = Path(__file__).parents[2]


def test_every_step_names_a_module_and_options_that_exist() -> None:
    for step in STEPS:
        for command in filter(None, (step.on_gpu, step.on_cpu)):
            found = find_spec(command[1])
            assert found is not None
            options = [word for word in command[2:] if word.startswith("--")]
            text = Path(str(found.origin)).read_text()
            assert [option for option in options if f'"{option}"' not in text] == []
    assert sum(step.share for step in STEPS) == pytest.approx(1.0, abs=0.05)


def test_every_file_with_a_test_marked_gpu_is_run() -> None:
    marked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^@pytest\.mark\.gpu", path.read_text(), re.MULTILINE)
    }
    assert marked == set(gpu_check._TESTED)


def test_the_gpu_rows_are_of_six_families_in_every_arrangement() -> None:
    asked = [word for step in STEPS for word in step.on_gpu]
    on_gpu = {how.name for how in ARRANGEMENTS if how.device == "cuda"}
    assert on_gpu <= set(asked)
    assert len(cost.FAMILIES) == 6
    assert {"1", "16", "64", "256"} <= set(asked)


def test_a_step_that_takes_too_long_is_stopped_and_one_that_fails_is_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    slow = replace(STEPS[0], on_cpu=("-c", "import time; time.sleep(60)"))
    assert run_step(slow, 0.5, on_cpu=True) == "stopped after 0 s"
    bad = replace(STEPS[0], on_cpu=("-c", "raise SystemExit(3)"))
    assert run_step(bad, 60, on_cpu=True).startswith("FAILED with code 3, ")
    good = replace(STEPS[0], on_cpu=("-c", "print('worked')"))
    assert run_step(good, 60, on_cpu=True).startswith("ok, ")
    assert "worked" in capfd.readouterr().out


def test_what_a_bare_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_packages() == []
    monkeypatch.setitem(gpu_check.NEEDED, "no_such_module", "no-such-package")
    assert missing_packages() == ["no-such-package"]


def test_wheels_are_for_all_that_is_required_but_what_every_machine_has() -> None:
    found = closure(["typer", "torchvision", "httpx"])
    assert {"typer", "rich", "markdown-it-py", "httpcore"} <= set(found)
    assert not {"torch", "torchvision", "numpy"} & set(found)


def test_a_bare_python_is_told_what_it_lacks(tmp_path: Path) -> None:
    """No package at all: what runs before the steps needs Python's own library only."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = subprocess.run(
        [ROOT / "scripts/gpu-check", "--cpu", "--only", "detector", "--minutes", "1"],
        env={**os.environ, "PYTHON": str(bare / "bin/python"), "PYTHONPATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("gpu-check: torch is not installed")
    assert "missing here: alembic, apscheduler" in done.stdout
    assert "--collect FOLDER" in done.stdout
    assert "detector: FAILED with code 1" in done.stdout
