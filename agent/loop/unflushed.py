"""Everything that is in memory and not in the database: written as one, or dropped as one."""

from __future__ import annotations

from collections.abc import Sequence

from driftgauge.storage import FlushRecord, OffsetAdvance

from ..counting.counting import Counting
from ..events.event import Event, LeftOut
from ..ports import Partition, Polled
from .pipeline import Pipeline, ScoringBatch
from .positions import Positions
from .sampling import Sampler


class Unflushed:
    """Records on their way to scores, counts, and how far each partition is. The loop's thread owns it.

    The three say the same of every record, so that none of them is ever reset alone.
    """

    def __init__(self, pipeline: Pipeline, counting: Counting) -> None:
        self.pipeline = pipeline
        self.counting = counting
        self.positions = Positions()

    @property
    def n_events(self) -> int:
        """Events counted since the last flush."""
        return self.counting.n_events

    def accept(self, polled: Polled, sampler: Sampler) -> tuple[int, int]:
        """Take what is new of a poll; return how many records, and how many of them are left out."""
        for record, reason in polled.unreadable:
            if self.positions.accept(record):
                self.pipeline.put_error(record, reason)
        accepted = [record for record in polled.records if self.positions.accept(record)]
        one_in = [sampler.one_in(record) for record in accepted]
        self.pipeline.put(accepted, one_in)
        return len(accepted), one_in.count(0)

    def count(self, batch: ScoringBatch) -> None:
        """Count the oldest batch of the pipeline, which leaves it."""
        judged = batch.judged
        if judged.scored is not None:
            self.counting.count(judged.events, judged.scored, judged.detector)
        for found in judged.outcomes:
            event_time = found.outcome.event_time if isinstance(found.outcome, Event) else None
            is_left_out = isinstance(found.outcome, LeftOut)
            self.positions.count(found.record, event_time, is_left_out=is_left_out)
        self.pipeline.pop()

    def advances(self) -> list[OffsetAdvance]:
        """Return the partitions that a flush must move; none when there is nothing to write."""
        return self.positions.advances()

    def flush_record(self, advances: Sequence[OffsetAdvance]) -> FlushRecord:
        """Return everything that one transaction is to write."""
        return self.counting.flush_record(advances)

    def mark_flushed(self) -> dict[Partition, int]:
        """The last record is in the database; return the offsets that it is at."""
        self.counting.mark_flushed()
        if self.pipeline.has_one_scorer:
            self.counting.forget_others()
        return self.positions.mark_flushed()

    def drop_unscored(self) -> None:
        """Drop what is not counted; what is counted can still be written."""
        self.pipeline.clear()

    def drop(self) -> int:
        """Drop everything, and forget where the partitions are; return how many events it was."""
        n_events = self.counting.n_events
        self.pipeline.clear()
        self.counting.drop()
        self.positions.clear()
        return n_events
