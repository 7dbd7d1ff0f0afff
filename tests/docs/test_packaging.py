"""What is on disk is in the wheel: a folder that is not listed works here and is missing there."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
TOP = tuple(SETUPTOOLS["package-dir"].values())


def package(folder: Path) -> str:
    return ".".join(("driftgauge", *folder.relative_to(ROOT).parts))


def test_every_package_on_disk_is_listed() -> None:
    found = {package(path.parent) for top in TOP for path in (ROOT / top).rglob("__init__.py")}
    assert set(SETUPTOOLS["packages"]) == found


def test_every_file_that_is_no_python_is_package_data() -> None:
    patterns = SETUPTOOLS["package-data"]
    files = [
        path
        for top in TOP
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    ]
    left_out = [
        str(path.relative_to(ROOT))
        for path in files
        if not any(
            fnmatch(path.name, pattern)
            for name in ("*", package(path.parent))
            for pattern in patterns.get(name, ())
        )
    ]
    assert files
    assert left_out == []
