"""A hint that names a package names one that pip finds from where this driftgauge came."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from driftgauge.extras import install_command

ROOT = Path(__file__).parents[2]
INSTALLED = """\
import sys
sys.path.insert(0, {site!r})
from driftgauge.extras import install_command
print(install_command("avro"))
"""


def told(tmp_path: Path, note: str | None, cwd: Path) -> str:
    """Return what a driftgauge says that was installed with *note* of where it came from."""
    site = tmp_path / "site"
    info = site / "driftgauge-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: driftgauge\nVersion: 1\n")
    if note is not None:
        (info / "direct_url.json").write_text(note)
    (site / "driftgauge").symlink_to(ROOT / "driftgauge")
    program = INSTALLED.format(site=str(site))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=cwd
    )
    return done.stdout.strip()


def test_in_a_clone_a_hint_installs_from_the_clone(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    clone.mkdir()
    note = f'{{"url": "file://{tmp_path}/a%20clone", "dir_info": {{"editable": true}}}}'
    assert told(tmp_path / "1", note, clone) == "pip install -e '.[avro]'"
    assert told(tmp_path / "2", note, tmp_path) == f"pip install -e '{clone}[avro]'"
    plain = note.replace("true", "false")
    assert told(tmp_path / "3", plain, clone) == "pip install '.[avro]'"


def test_from_an_index_a_hint_installs_from_the_index(tmp_path: Path) -> None:
    assert told(tmp_path, None, tmp_path) == "pip install 'driftgauge[avro]'"


@pytest.mark.parametrize(
    "path", [*(ROOT / "agent").rglob("*.py"), *(ROOT / "storage").rglob("*.py")]
)
def test_every_hint_goes_through_the_one_function(path: Path) -> None:
    assert re.findall(r"driftgauge\[\w+\]", path.read_text()) == []


def test_every_extra_that_a_hint_names_exists() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    sources = [*(ROOT / "agent").rglob("*.py"), *(ROOT / "storage").rglob("*.py")]
    named = {
        extra
        for source in sources
        for call in re.findall(r"install_command\(([^)]*)\)", source.read_text())
        for extra in re.findall(r"['\"](\w+)['\"]", call)
    }
    assert len(named) > 5
    assert named <= set(known)
    assert install_command("avro", "s3").endswith("[avro,s3]'")
