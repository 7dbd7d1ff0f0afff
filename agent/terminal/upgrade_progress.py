"""How far the upgrade of a large database is, on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import TaskID

from .progress import progress_bars


@contextmanager
def upgrade_bars() -> Iterator[Callable[[int, int], None]]:
    """Give what `Database.upgrade` tells of the rows that it moves; a bar is drawn from the first."""
    with progress_bars(Console(stderr=True), transient=True) as bars:
        tasks: list[TaskID] = []

        def show(moved: int, total: int) -> None:
            if not tasks:
                tasks.append(bars.add_task("rows of the history", total=total))
            bars.update(tasks[0], completed=moved)

        yield show
