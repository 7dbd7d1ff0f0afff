"""axe-core, which finds what keeps people with a keyboard or a screen reader out of a page.

It is fetched once by npm, at a fixed version whose content is checked, and used by tests only: axe-core 4.14.1,
https://github.com/dequelabs/axe-core, MPL-2.0.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from .chromium import Browser
from .services import go_without

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
FOLDER = Path(__file__).parents[1] / "build" / "axe"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_source() -> str:
    """Return the script; skip where npm or its registry cannot be had."""
    archive = FOLDER / f"axe-core-{VERSION}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            go_without("npm", "install Debian's npm")
        FOLDER.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "pack", f"axe-core@{VERSION}", "--pack-destination", FOLDER],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            go_without("axe-core", f"npm could not fetch it: {done.stderr[-300:]}")
    content = archive.read_bytes()
    assert base64.b64encode(hashlib.sha512(content).digest()).decode() == SHA512
    with tarfile.open(archive) as packed:
        file = packed.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


def violations(browser: Browser, source: str) -> list[str]:
    """Return what is wrong with the page that is shown: rule, and the elements that break it."""
    browser.run(source)
    found: Any = browser.run_async(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']})"
        ".then(found => done(found.violations), error => done([{id: String(error), nodes: []}]));",
        RULES,
    )
    return [
        f"{one['id']}: {[node['target'] + [node.get('failureSummary', '')] for node in one['nodes'][:3]]}"
        for one in found
    ]
