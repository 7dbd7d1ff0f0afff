"""What a producer sent, and whether the database counted exactly that."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text

from driftgauge.agent.counting.window_rows import window_start
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.storage import Database

from ..agent.records import NOON, jpeg

WINDOW_SECONDS = 60
_PICTURE = jpeg()
_COUNTS = text(
    "SELECT segment, layer, window_start, events,"
    + " + ".join(f"bin_{b:02d}" for b in range(18))
    + " FROM score_window WHERE stream = 'line'"
)

Windows = Counter[tuple[str, datetime]]


def some_minute() -> datetime:
    """Return a moment in one of five windows."""
    return NOON + timedelta(seconds=random.uniform(0, 5 * WINDOW_SECONDS - 1))


@dataclass
class Ledger:
    """Events by segment and window, and how many each partition got."""

    offsets: Counter[int] = field(default_factory=lambda: Counter({0: 0, 1: 0}))
    windows: Windows = field(default_factory=Counter)

    @property
    def n(self) -> int:
        return self.offsets.total()

    def send(
        self, producer: FrameProducer, n: int, when: Callable[[], datetime] = some_minute
    ) -> None:
        """Send *n* pictures and note each when the broker has them all."""
        noted: list[tuple[int, datetime]] = []
        for _ in range(n):
            partition, moment = random.randrange(2), when()
            producer.send(
                _PICTURE,
                headers={"camera": str(partition)},
                partition=partition,
                event_time=moment,
            )
            noted.append((partition, moment))
        producer.flush()
        for partition, moment in noted:
            self.note(partition, moment)

    def note(self, partition: int, moment: datetime) -> None:
        self.offsets[partition] += 1
        exact = datetime.fromtimestamp(round(moment.timestamp() * 1000) / 1000, moment.tzinfo)
        start = window_start(exact, WINDOW_SECONDS)
        self.windows.update([("*", start), (f"camera={partition}", start)])


def counted(database: Database) -> dict[str, Windows]:
    """Return by layer what the database counted, straight from its table."""
    found: dict[str, Windows] = {"*": Counter()}
    with database.read() as connection:
        for segment, layer, start, events, in_bins in connection.execute(_COUNTS):
            assert events == in_bins
            moment = start if isinstance(start, datetime) else datetime.fromisoformat(f"{start}Z")
            found.setdefault(layer, Counter())[segment, moment.astimezone(NOON.tzinfo)] += events
    return found


def assert_counted_once(database: Database, sent: Ledger) -> None:
    """Hold every segment's every window, on every layer, to what was sent."""
    for layer, windows in counted(database).items():
        lost, doubled = sent.windows - windows, windows - sent.windows
        assert not lost + doubled, f"layer {layer}: lost {lost}, doubled {doubled}"
