"""Sends a plan's frames to the broker, at most so many ahead of what the agent has counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType

from ..stream.connection import KafkaConnection
from .frames import frame
from .plan import Plan
from .produce import FrameProducer
from .scenes import Camera


class Publisher:
    """Sends frames of a plan in time order, as a camera gateway would; a context manager.

    Attributes:
        sent: frames sent so far.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        plan: Plan,
        cameras: Sequence[Camera],
        frames: Iterator[tuple[str, int]],
    ) -> None:
        self._producer = FrameProducer(connection, topic)
        self._plan = plan
        self._cameras: Mapping[str, Camera] = {camera.name: camera for camera in cameras}
        self._frames = frames
        self.sent = 0

    def send(self, at_most: int) -> int:
        """Send the next *at_most* frames; return how many there were."""
        batch = list(islice(self._frames, at_most))
        for name, index in batch:
            self._producer.send(
                frame(
                    self._cameras[name],
                    index,
                    seed=self._plan.seed,
                    fault=self._plan.fault(name, index),
                    season=self._plan.season_share(index),
                ),
                headers={"camera": name},
                event_id=f"{name}/{index}",
                event_time=self._plan.time(index),
                key=name.encode(),
            )
        self._producer.flush()
        self.sent += len(batch)
        return len(batch)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._producer.close()
