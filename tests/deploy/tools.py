"""Programs that check what is in deploy/: on the PATH, else beside Python, else where scripts/deploy-tools puts them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..services import go_without


def find_tool(name: str) -> str:
    """Return the program's path; skip or fail where it is missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftgauge" / "bin"
    own = Path(sys.executable).parent
    found = shutil.which(name) or shutil.which(name, path=own) or shutil.which(name, path=cache)
    if found is None:
        go_without(name, "run `make install` and scripts/deploy-tools")
    return found


def run_tool(name: str, *arguments: str | Path, stdin: str | None = None) -> str:
    """Run a program to its end and return what it printed; its complaints are the error's text."""
    ran = subprocess.run(
        [find_tool(name), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise AssertionError(f"{name} ended with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}")
    return ran.stdout
