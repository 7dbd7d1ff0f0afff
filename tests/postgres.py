"""A real PostgreSQL for tests: ``$DRIFTGAUGE_TEST_POSTGRES``, else one that the tests start."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

START_SECONDS = 30


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the URL of a server on which databases may be made."""
    if importlib.util.find_spec("psycopg") is None:
        _go_without('pip install "driftgauge[postgres]"')
    named = os.environ.get("DRIFTGAUGE_TEST_POSTGRES")
    if named:
        yield named
        return
    binaries = find_binaries()
    if binaries is None:
        _go_without("set DRIFTGAUGE_TEST_POSTGRES or install Debian's postgresql")
    with running_server(binaries) as url:
        yield url


def _go_without(remedy: str) -> NoReturn:
    reason = f"no PostgreSQL for tests: {remedy}"
    if os.environ.get("DRIFTGAUGE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of a new, empty database."""
    with new_database(postgres_server) as url:
        yield url


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Make a database, and drop it with whoever still holds it."""
    name = f"driftgauge_{uuid.uuid4().hex[:12]}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield f"{server.rsplit('/', 1)[0]}/{name}"
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def find_binaries() -> Path | None:
    """Return the folder of ``initdb`` and ``postgres``, the newest version first."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    return folders[-1] if folders else None


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """Start a server on a free loopback port and end it by its process id."""
    folder = Path(tempfile.mkdtemp(prefix="driftgauge-postgres-"))
    data, log = folder / "data", folder / "log"
    user = _unprivileged(folder)
    initialise: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
    ]
    subprocess.run([*initialise, "-N"], check=True, capture_output=True, cwd=folder, **user)
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "timezone": "Asia/Kolkata",  # driftgauge must not lean on a server that runs in UTC
    }
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port), *flags]
    with log.open("wb") as output:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, **user
        )
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        _wait_until_it_answers(url, server, log)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        server.wait(START_SECONDS)
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Return how to start PostgreSQL, which refuses root, as its own user."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return


def _execute(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())
