"""A real browser without a window: how wide a page is, at the width of a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_PROBE = """<script>addEventListener("load", () => {
  const page = frames[0].document.scrollingElement;
  document.body.dataset.width = page.scrollWidth;
});</script>"""


def page_width(page: Path, *, at: int) -> int:
    """Return how many pixels *page* takes in a window *at* pixels wide; skip without Chromium.

    The window is so high that it needs no bar to scroll down, which would take of the width.
    """
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    frame = page.with_name("frame.html")
    # A window of a browser is at least some 500 pixels wide; a frame in it is as narrow as told.
    frame.write_text(
        f'<body><iframe src="{page.name}" width="{at}" height="9000" style="border:0"></iframe>'
        f"{_PROBE}</body>"
    )
    shown = subprocess.run(
        [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--allow-file-access-from-files", f"--user-data-dir={page.parent / 'browser'}",
            "--virtual-time-budget=5000", "--dump-dom", frame.as_uri(),
        ],
        capture_output=True, check=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'data-width="(\d+)"', shown.stdout)
    assert found is not None, shown.stderr
    return int(found.group(1))
