"""Streams, their partitions, detectors and rates: plain frozen values, no SQL in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .histogram import DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One topic watched for one model.

    Attributes:
        alpha: an event is out of distribution when its combined p-value is at most this.
    """

    stream: str
    topic: str
    window_seconds: int
    created_at: datetime
    alpha: float = DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """How far one partition is counted.

    Attributes:
        next_offset: the first offset that the counts do not include.
        event_time_max: the latest event time counted; None while every event was undecodable.
        flushed_at: wall clock of the flush that last moved the offset.
        sampled_out: records so far that sampling left out.
        topic_id: the broker's id of the topic that the offsets belong to; None if it returned none.
    """

    topic: str
    partition: int
    next_offset: int
    event_time_max: datetime | None
    flushed_at: datetime
    sampled_out: int = 0
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class RateRow:
    """An OOD rate of one period, as ``driftgauge rates`` prints it.

    Attributes:
        events: that were scored.
        ood_events: of these, with a p-value of at most *alpha*.
        ood_rate: among all events that these stand for, so that sampling does not bend it.
        represented: how many those are; *events* where nothing was sampled.
        alpha: what "out of distribution" means: the stream's.
    """

    period_start: datetime
    segment: str
    layer: str
    detector: str
    events: int
    ood_events: int
    ood_rate: float
    represented: int
    alpha: float = DEFAULT_ALPHA
