"""The screen while the agent works: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live

from driftgauge.storage import ENDED_STATES, AlertRecord

from ..terminal.printing import print_line
from .plan import Plan
from .watch import Snapshot, alert_line, live_table, progress_line

_LINE_SECONDS = 10


class Show:
    """Shows snapshots, and each alert once in words; a context manager."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._told: dict[int | None, str] = {}
        self._line_at = 0.0

    def update(
        self, snapshot: Snapshot, images_per_second: float | None, *, note: str = ""
    ) -> None:
        """Show *snapshot* and what is new in it; *note* says what else goes on."""
        for alert in snapshot.alerts:
            self._tell(alert)
        if self._live is not None:
            table = live_table(snapshot, self._plan, images_per_second=images_per_second, note=note)
            self._live.update(table, refresh=True)
        elif time.monotonic() - self._line_at >= _LINE_SECONDS:
            self._line_at = time.monotonic()
            line = progress_line(
                snapshot, self._plan, images_per_second=images_per_second, note=note
            )
            print_line(line, console=self._console)

    def _tell(self, alert: AlertRecord) -> None:
        told = self._told.get(alert.id)
        self._told[alert.id] = alert.state
        if told is None:
            self._print("bold red", f"ALERT {alert.id}", alert_line(alert, self._plan))
        if alert.state in ENDED_STATES and told != alert.state:
            is_back = alert.state == "resolved"
            words = "is back to normal" if is_back else "fell silent"
            head = f"{alert.state.upper()} {alert.id}"
            self._print("green" if is_back else "yellow", head, f"{alert.segment} {words}.")

    def _print(self, style: str, head: str, words: str) -> None:
        """Print one line in a single write: a live table overwrites an unfinished line."""
        print_line((head, style), f" {words}", console=self._console)

    def __enter__(self) -> Show:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
