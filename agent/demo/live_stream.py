"""The live part of a run: frames are sent, the real agent counts them, and the screen shows what it wrote."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from driftgauge.storage import Store

from ..jobs.jobs import DELIVERY_SECONDS
from .agent_process import AgentProcess
from .count_rate import CountRate
from .publish import Publisher
from .show import Show
from .stage import BATCH, Stage
from .watch import Snapshot, read_snapshot
from .workspace import STREAM, TOPIC

_MAX_AHEAD = 1_500
_REFRESH_SECONDS = 0.5
_MOST_DELIVERY_SECONDS = 10.0


class LiveStream:
    """Runs the agent on the plan's live frames between entry and exit.

    Attributes:
        note: what the screen says beside the figures.
    """

    def __init__(self, stage: Stage, store: Store) -> None:
        stage.broker.create_topic(TOPIC)
        self._stage = stage
        self._store = store
        self._count_rate = CountRate()
        self._agent = AgentProcess(
            ["run", "--config", str(stage.workspace.settings)], stage.workspace.agent_log
        )
        self._publisher = Publisher(
            stage.broker.connection(), TOPIC, stage.plan, stage.cameras, stage.plan.live()
        )
        self._show = Show(stage.console, stage.plan)
        self._stack = ExitStack()
        self.note = ""

    @property
    def sent(self) -> int:
        """Frames that were sent so far."""
        return self._publisher.sent

    @property
    def images_per_second(self) -> float | None:
        """How fast the agent has counted, None before its second flush."""
        return self._count_rate.images_per_second

    def until(
        self,
        is_done: Callable[[Snapshot], bool],
        *,
        sends: bool = True,
        look: Callable[[Snapshot], None] = lambda snapshot: None,
    ) -> None:
        """Send frames and show what the agent makes of them until *is_done*.

        Args:
            sends: False only waits.
            look: is called with each look at the database.

        Raises:
            AgentProcessEnded: the agent failed.
            DemoStalled: it counts nothing new for minutes.
        """
        snapshot = self._look(look)
        looked_at = time.monotonic()
        while not is_done(snapshot):
            is_behind = self.sent - snapshot.counted >= _MAX_AHEAD
            if not sends or is_behind or not self._publisher.send(BATCH):
                time.sleep(_REFRESH_SECONDS / 5)
            if time.monotonic() - looked_at >= _REFRESH_SECONDS:
                self._agent.check()
                snapshot = self._look(look)
                looked_at = time.monotonic()
                self._count_rate.check(self._agent, sent=self.sent)

    def wait_for_deliveries(self) -> None:
        """Give the agent the few seconds that it takes to tell the webhook of the last alerts."""
        ends_at = time.monotonic() + _MOST_DELIVERY_SECONDS
        time.sleep(1.5 * DELIVERY_SECONDS)  # it queues them
        while time.monotonic() < ends_at and self._store.notification_counts(STREAM, ["pending"]):
            time.sleep(_REFRESH_SECONDS)

    def _look(self, look: Callable[[Snapshot], None]) -> Snapshot:
        snapshot = read_snapshot(self._store, self._stage.plan.cameras)
        self._count_rate.note(snapshot.counted)
        self._show.update(snapshot, self.images_per_second, note=self.note)
        look(snapshot)
        return snapshot

    def __enter__(self) -> LiveStream:
        with ExitStack() as stack:
            for part in (self._agent, self._publisher, self._show):
                stack.enter_context(part)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
