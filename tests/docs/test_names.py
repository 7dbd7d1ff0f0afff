"""One name, one thing: a reader who has met a name need not ask which one is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "detector", "storage")
SUBJECT_ROOMS = {"command", "sections", "wiring"}
"""A file here is named after what it starts, sets or builds, so it shares that thing's name."""
EACH_HAS_ONE = {"errors", "load"}
"""Each package has its own error tree; settings and models are each loaded by a ``load``."""


def sources(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [file for file in files if file.stem != "__init__" and "versions" not in file.parts]


def test_no_two_classes_share_a_name() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in (file for package in PACKAGES for file in sources(package)):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(file.relative_to(ROOT)))
    assert places
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_two_modules_of_a_package_share_a_name() -> None:
    for package in PACKAGES:
        places: defaultdict[str, list[str]] = defaultdict(list)
        for file in sources(package):
            if file.parent.name not in SUBJECT_ROOMS and file.stem not in EACH_HAS_ONE:
                places[file.stem].append(str(file.relative_to(ROOT)))
        assert places
        assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_module_has_the_name_of_another_room() -> None:
    rooms = {folder.name for folder in (ROOT / "agent").iterdir() if folder.is_dir()}
    assert "loop" in rooms
    clashes = [
        str(file.relative_to(ROOT))
        for file in sources("agent")
        if file.stem in rooms - {file.parent.name} and file.parent.name not in SUBJECT_ROOMS
    ]
    assert clashes == []
