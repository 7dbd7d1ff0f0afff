"""What can be seen of a running loop from outside, at any moment, from any thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..ports import Partition
from .lag import LagReading

Absent = Literal["broker", "database"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The loop as it is now.

    Attributes:
        turned_at: monotonic time at which its last turn began.
        flushed_at: monotonic time of the last flush that succeeded, or of the start.
        partitions: owned, with a known place; empty before the first assignment.
        is_paused: whether fetching is paused, for all partitions together.
        absent: which part of the world does not answer and is waited for.
        n_waiting: records in memory that are not scored yet.
        n_skewed: events so far that were dated too far ahead and counted at their arrival.
        n_bounded: segment values so far that counted as ``~other``.
        stage_seconds: where the time went so far.
    """

    turned_at: float
    flushed_at: float
    partitions: frozenset[Partition]
    is_paused: bool
    absent: Absent | None
    n_waiting: int
    n_skewed: int
    n_bounded: int
    lag: LagReading
    stage_seconds: Mapping[str, float]
