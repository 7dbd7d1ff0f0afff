"""How the loop runs, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftgauge.storage import DEFAULT_ALPHA

from ..counting.evidence import EvidenceSettings
from ..counting.tap_keeper import KeepSettings
from ..events.decode import DecodeSettings
from .sampling import SamplingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How the loop runs.

    Attributes:
        alpha: an event with a p-value of at most this is out of distribution.
        max_images: one batch's.
        max_delay_seconds: how long an image waits for its batch to fill.
        max_waiting: records in memory beyond which the source pauses.
        max_skew_seconds: an event dated further ahead of the clock counts at its arrival.
        poll_seconds: the longest wait for records, and so for a request to stop.
        drain_seconds: how long scoring what waits may take after a request to stop; what is left
            is read again by the next agent.
        leave_seconds: how long the last flush is tried for.
        close_seconds: how long threads that decode or score may take to end.
        max_segments: new values of segment headers beyond so many count as ``~other``.
        lag_interval_seconds: between two questions for the ends of the partitions.
        classes: of the detector's reference, which are counted.
        sampling: when only a part of the records is scored.
        keep: which taps to keep to learn from; None for none.
    """

    stream: str
    alpha: float = DEFAULT_ALPHA
    decode: DecodeSettings = field(default_factory=DecodeSettings)
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    window_seconds: int = 60
    max_images: int = 16
    max_delay_seconds: float = 0.5
    max_waiting: int = 64
    decode_threads: int = 2
    max_skew_seconds: float = 300.0
    flush_interval_seconds: float = 5.0
    poll_seconds: float = 0.2
    drain_seconds: float = 10.0
    leave_seconds: float = 15.0
    close_seconds: float = 2.0
    max_segments: int = 1000
    lag_interval_seconds: float = 10.0
    classes: tuple[str, ...] = ()
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    keep: KeepSettings | None = None
