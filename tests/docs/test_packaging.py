"""What is on disk is in the wheel, under ``driftgauge`` and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("agent", "detector", "storage")
_COMPILED = shutil.ignore_patterns("__pycache__")  # other processes write there meanwhile


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names of the files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()  # a copy: what an earlier build left behind must not count
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in (*TOP, "driftgauge"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=_COMPILED)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-q", "-w", folder, source], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def on_disk() -> set[str]:
    files = [path for top in TOP for path in (ROOT / top).rglob("*") if path.is_file()]
    own = [path for path in (ROOT / "driftgauge").iterdir() if path.is_file()]
    return {
        f"driftgauge/{path.relative_to(ROOT)}".replace("driftgauge/driftgauge/", "driftgauge/")
        for path in [*files, *own]
        if "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_on_disk_and_no_other(names: set[str]) -> None:
    assert names == on_disk()


def test_the_wheel_puts_nothing_beside_the_package(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {"driftgauge"}


def test_nothing_that_a_run_leaves_is_in_the_repository() -> None:
    """Tests and benchmarks write to folders of their own, never where they are started."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not listed:
        pytest.skip("no checkout of git")
    folders = {Path(name).parts[0] for name in listed if "/" in name}
    assert folders == {*("agent", "detector", "storage", "driftgauge"), *("tests", "docs", "deploy", "scripts", ".ci")}  # fmt: skip
