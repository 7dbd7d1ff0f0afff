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


class AgentProcess:
    """``driftgauge run`` as a context manager; its output goes to a file.

    It ends by SIGTERM when the block does, and when this process dies.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._arguments = arguments
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AgentProcess:
        with self._log.open("ab") as output:
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

    def check(self) -> None:
        """Raise AgentProcessEnded, with its last words, unless it runs."""
        code = self._process.poll() if self._process else None
        if code is not None:
            raise AgentProcessEnded(
                f"`driftgauge {self._arguments[0]}` ended with exit code {code}; its last log lines:\n{self.last_words()}",
                hint=f"the full log is in {self._log}",
            )

    def last_words(self) -> str:
        """Return the end of its log."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
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
