"""A real PostgreSQL for tests: ``$DRIFTGAUGE_TEST_POSTGRES``, else one that the tests start."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from .ports import free_port

START_SECONDS = 120
START_TRIES = 5
"""Another process may take the free port before the server does."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the URL of a server on which databases may be made."""
    if importlib.util.find_spec("psycopg") is None:
        go_without("pip install -e '.[postgres]'")
    named = os.environ.get("DRIFTGAUGE_TEST_POSTGRES")
    if named:
        yield named
        return
    binaries = find_binaries()
    if binaries is None:
        go_without("set DRIFTGAUGE_TEST_POSTGRES or install Debian's postgresql")
    with running_server(binaries) as url:
        yield url


def go_without(remedy: str) -> NoReturn:
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
    with stoppable_server(binaries) as server:
        yield server.url


@contextmanager
def stoppable_server(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server that a test may take away for a while."""
    folder = Path(tempfile.mkdtemp(prefix="driftgauge-postgres-"))
    user = unprivileged(folder)
    flags = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
    initialise: list[str | Path] = [binaries / "initdb", "-D", folder / "data", *flags]
    subprocess.run(initialise, check=True, capture_output=True, cwd=folder, **user)
    server = _started(binaries, folder, user)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _started(binaries: Path, folder: Path, user: dict[str, Any]) -> PostgresServer:
    for _ in range(START_TRIES):
        server = PostgresServer(binaries, folder, user, free_port())
        try:
            server.start()
        except RuntimeError as error:
            server.stop()
            failure = error
        else:
            return server
    raise failure


@dataclass
class PostgresServer:
    """A server whose databases survive its end; its port stays the same."""

    binaries: Path
    folder: Path
    user: dict[str, Any]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of a database on which others may be made."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and return when it answers."""
        flags = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        where = ("-D", self.folder / "data", "-p", str(self.port))
        log = self.folder / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", *where, *flags],
                stdout=output,
                stderr=output,
                cwd=self.folder,
                **self.user,
            )
        _wait_until_it_answers(self.url, self.process, log)

    def stop(self) -> None:
        """End it, with everybody's connections; safe to call twice."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            process.wait(START_SECONDS)

    def kill(self) -> None:
        """End it as a crash would: no connection is told, and the next start recovers."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown
            process.wait(START_SECONDS)

    @contextmanager
    def away(self) -> Iterator[None]:
        """End it for the block and start it again, with all that it kept."""
        self.stop()
        try:
            yield
        finally:
            self.start()


_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "timezone": "Asia/Kolkata",  # driftgauge must not lean on a server that runs in UTC
}


def unprivileged(folder: Path) -> dict[str, Any]:
    """Return how to start PostgreSQL, which refuses root, as its own user."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


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
