"""The agent as a process of its own, started the way production starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ..errors import AgentError
from ..process.child import dying_with

_COMMAND = (sys.executable, "-m", "driftgauge.agent.command")
_LAST_LINES = 12


class AgentProcessEnded(AgentError):
    """The agent ended before the demonstration did."""


def run_to_end(arguments: Sequence[str]) -> None:
    """Run ``driftgauge ARGUMENTS`` on this terminal and return when it has succeeded.

    Raises:
        AgentProcessEnded: it failed; it has said why.
    """
    code = subprocess.run([*_COMMAND, *arguments], stdin=subprocess.DEVNULL, check=False).returncode
    if code:
        raise AgentProcessEnded(f"`driftgauge {arguments[0]}` failed with exit code {code}")


def run_quietly(arguments: Sequence[str]) -> str:
    """Run ``driftgauge ARGUMENTS`` and return what it prints.

    Raises:
        AgentProcessEnded: it failed.
    """
    done = subprocess.run(
        [*_COMMAND, *arguments], stdin=subprocess.DEVNULL, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode:
        raise AgentProcessEnded(
            f"`driftgauge {arguments[0]}` failed with exit code {done.returncode}:\n{done.stderr}"
        )
    return done.stdout


class AgentProcess:
    """``driftgauge run`` as a context manager; its output goes to a file.

    It ends by SIGTERM when the block does, and when this process dies.

    Attributes:
        log: the file.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._arguments = arguments
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AgentProcess:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_COMMAND, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demonstration, which then ends the agent
                preexec_fn=dying_with(os.getpid(), signal_number=signal.SIGTERM),  # noqa: PLW1509
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def code(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.poll() if self._process else None

    def check(self) -> None:
        """Raise AgentProcessEnded, with its last words, unless it runs."""
        code = self.code()
        if code is not None:
            raise AgentProcessEnded(
                f"`driftgauge {self._arguments[0]}` ended with exit code {code}; its last log lines:\n{self.last_words()}",
                hint=f"the full log is in {self.log}",
            )

    def last_words(self) -> str:
        """Return the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join(f"  {line}" for line in lines) or "  (none)"

    def stop(self, timeout_seconds: float = 20) -> int | None:
        """Ask it to end, wait, and return its exit code; safe to call twice."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()
