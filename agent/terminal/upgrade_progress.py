"""How far a long task on the database is, on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import TaskID

from .progress import progress_bars


@contextmanager
def upgrade_bars(
    what: str = "rows of the history", then: str = ""
) -> Iterator[Callable[[int, int], None]]:
    """Give what is told how much of how much is done; a bar is drawn from the first time on.

    Args:
        what: is counted.
        then: what follows once all is done, of which nobody knows how long it takes; empty: nothing.
    """
    with progress_bars(Console(stderr=True), transient=True) as bars:
        tasks: list[TaskID] = []

        def show(moved: int, total: int) -> None:
            if not tasks:
                tasks.append(bars.add_task(what, total=total))
            bars.update(tasks[0], completed=moved)
            if then and moved >= total and len(tasks) == 1:
                tasks.append(bars.add_task(then, total=None))

        yield show
