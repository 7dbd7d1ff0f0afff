"""scripts/install takes the index, proxy and files that pip or uv were told, whichever installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .index import PACKAGE, Index, serving_index

ROOT = Path(__file__).parents[2]

PROJECT = f"""
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "driftgauge"
version = "1.0"
dependencies = ["{PACKAGE}"]

[project.optional-dependencies]
"""

BACKEND = '''
from pathlib import Path

from index import wheel_of


def build_editable(directory, config_settings=None, metadata_directory=None):
    info = "driftgauge-1.0.dist-info"
    files = {
        f"{info}/METADATA": METADATA,
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    name = "driftgauge-1.0-py3-none-any.whl"
    (Path(directory) / name).write_bytes(wheel_of(files, f"{info}/RECORD"))
    return name


METADATA = """Metadata-Version: 2.1
Name: driftgauge
Version: 1.0
Requires-Dist: tinydep
"""
'''


@pytest.fixture
def index() -> Iterator[Index]:
    with serving_index() as running:
        yield running


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a project that has the script, needs one package and builds without any other."""
    clone = tmp_path / "clone"
    (clone / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "install", clone / "scripts")
    shutil.copy(Path(__file__).with_name("index.py"), clone)
    (clone / "backend.py").write_text(BACKEND)
    (clone / "pyproject.toml").write_text(PROJECT)
    return clone


def install(clone: Path, *, with_uv: bool = True, **told: str) -> str:
    """Run the script with nothing told but *told*, and return what it said."""
    venv = clone / ".venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=60)
    if with_uv:
        shutil.copy(Path(sys.executable).with_name("uv"), venv / "bin")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("PIP_", "UV_")) and not name.upper().endswith("_PROXY")
    } | {
        "UV_CACHE_DIR": str(clone / "cache"),
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "UV_HTTP_RETRIES": "0",
    }
    if "PIP_CONFIG_FILE" not in told:
        environment["PIP_CONFIG_FILE"] = os.devnull
    done = subprocess.run(
        ["sh", "scripts/install"],
        cwd=clone, env=environment | told, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(venv.glob(f"lib/*/site-packages/{PACKAGE}.py"))
    return done.stdout + done.stderr


def test_uv_asks_the_index_that_pip_was_told_in_the_environment(clone: Path, index: Index) -> None:
    install(clone, PIP_INDEX_URL=index.url)
    assert index.installers() == {"uv"}


def test_uv_asks_the_index_in_pips_configuration_file(clone: Path, index: Index) -> None:
    (clone / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\n")
    install(clone, PIP_CONFIG_FILE=str(clone / "pip.conf"))
    assert index.installers() == {"uv"}


def test_what_uv_was_told_wins(clone: Path, index: Index) -> None:
    install(clone, PIP_INDEX_URL="http://127.0.0.1:9/simple", UV_DEFAULT_INDEX=index.url)
    assert index.installers() == {"uv"}


def test_uv_goes_through_the_proxy(clone: Path, index: Index) -> None:
    proxy = f"http://127.0.0.1:{index.port}"
    install(
        clone, PIP_INDEX_URL="http://packages.invalid/simple", HTTP_PROXY=proxy, http_proxy=proxy
    )
    assert ("uv", f"http://packages.invalid/simple/{PACKAGE}/") in index.asked


def test_pip_installs_where_uv_cannot_be_had(clone: Path, index: Index) -> None:
    said = install(clone, with_uv=False, PIP_INDEX_URL=index.url)
    assert index.installers() == {"pip"}
    assert "using pip" in said
