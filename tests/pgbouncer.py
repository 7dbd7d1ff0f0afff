"""A real PgBouncer in transaction mode before a test's PostgreSQL."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from .ports import free_port
from .postgres import START_SECONDS, unprivileged
from .services import go_without

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(postgres_url: str) -> Iterator[str]:
    """Give the URL of the same database through a pooler with two server connections.

    A statement that was prepared on one of them is unknown on the other.
    """
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        go_without("PgBouncer", "install Debian's pgbouncer")
    url, port = make_url(postgres_url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="driftgauge-pgbouncer-"))
    user = unprivileged(folder)
    settings = folder / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(server_port=url.port, port=port, folder=folder))
    process = subprocess.Popen(
        [program, "--quiet", settings], cwd=folder, stderr=subprocess.DEVNULL, **user
    )
    through = url.set(port=port).render_as_string(hide_password=False)
    try:
        _wait_until_it_answers(port, process, folder / "log")
        yield through
    finally:
        process.kill()
        process.wait(START_SECONDS)
        shutil.rmtree(folder)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"PgBouncer did not start:\n{log.read_text() if log.exists() else ''}")
