"""deploy/container: what the image is built from is there, and is enough to build the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "container" / "Dockerfile").read_text()


def test_the_image_has_extras_that_exist_and_all_that_the_agent_may_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (named,) = re.findall(r"ARG EXTRAS=(\S+)", DOCKERFILE)
    left_out = set(project["optional-dependencies"]) - set(named.split(","))
    assert left_out == {"demo", "heif", "lint", "test"}


def test_the_image_runs_as_a_user_without_rights_and_stops_by_sigterm() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", DOCKERFILE, re.MULTILINE)


def test_what_the_image_is_given_is_enough_to_build_the_package(tmp_path: Path) -> None:
    """`.dockerignore` leaves out all but what it names."""
    source = tmp_path / "source"
    source.mkdir()
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            _copy(ROOT / line[1:], source)
    building = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*building, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"driftgauge/agent/ports.py", "driftgauge/storage/views.sql"} <= names


def _copy(path: Path, folder: Path) -> None:
    if path.is_dir():
        compiled = shutil.ignore_patterns("__pycache__")  # other processes write there meanwhile
        shutil.copytree(path, folder / path.name, symlinks=True, ignore=compiled)
    else:
        shutil.copy(path, folder)
