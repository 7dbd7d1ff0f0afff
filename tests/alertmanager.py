"""A real Alertmanager on loopback, from Debian's package or the PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from .ports import free_port
from .services import go_without

_NAMES = ("prometheus-alertmanager", "alertmanager")


@contextmanager
def running_alertmanager(folder: Path) -> Iterator[str]:
    """Start one that keeps its data in *folder*, and give its address."""
    binary = next(filter(None, map(shutil.which, _NAMES)), None)
    if binary is None:
        go_without("Alertmanager", "apt-get install prometheus-alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(binary, f"--config.file={config}", f"--storage.path={folder / 'data'}"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(url)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def alerts_at(url: str) -> list[dict[str, Any]]:
    """Return the alerts that Alertmanager believes to be live."""
    with urlopen(f"{url}/api/v2/alerts", timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(f"{url}/-/ready", timeout=2):
                return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
