"""A real Prometheus on loopback that scrapes one address, from Debian's package or the PATH."""

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
from urllib.parse import urlencode
from urllib.request import urlopen

from .ports import free_port
from .services import go_without

JOB = "driftgauge"
_CONFIG = """\
scrape_configs:
  - job_name: {job}
    scrape_interval: 1s
    static_configs: [{{targets: ["{target}"]}}]
"""


@contextmanager
def running_prometheus(folder: Path, target: str) -> Iterator[str]:
    """Start one that scrapes *target* each second and keeps its data in *folder*; give its address."""
    binary = shutil.which("prometheus")
    if binary is None:
        go_without("Prometheus", "apt-get install prometheus")
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(job=JOB, target=target))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_scrapes(url, 3)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def query_prometheus(url: str, expression: str) -> list[dict[str, Any]]:
    """Return what *expression* is now; raise `OSError` with the reason where it is wrong."""
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': expression})}", timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def _wait_for_scrapes(url: str, wanted: int) -> None:
    """Wait for so many scrapes: a rate needs two."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            found = query_prometheus(url, f'count_over_time(up{{job="{JOB}"}}[1m])')
        except (URLError, OSError):
            found = []
        if found and int(found[0]["value"][1]) >= wanted:
            return
        time.sleep(0.2)
    raise TimeoutError(f"Prometheus at {url} scraped nothing within a minute")
