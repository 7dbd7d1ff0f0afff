"""The event: one image message from Kafka, and what became of its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tap_vectors import TapVectors

NO_IMAGE: NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)
"""Stands in an event whose picture stayed with the sender."""


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded image event.

    Attributes:
        event_id: the CloudEvents id, else ``topic/partition/offset``.
        event_time: aware, UTC: CloudEvents ``time``, else the record's timestamp.
        segments: name to value, for the configured segments that the message has.
        image: ``(height, width, 3)``, RGB, uint8; `NO_IMAGE` where *taps* stand for it. Of a large one
            that is *prepared* no more is left than a thumbnail needs.
        item: which picture of the record, counted from 0; most records have one.
        predicted: the class that the served model gave, where the message says it.
        request_id: what the model's prediction for this picture will carry, where predictions are logged.
        taps: what a hook in the serving process made of the picture; None where that was sent.
        prepared: what the scorer made of the image ahead of its turn; None where it did not.
        represents: how many events it stands for: itself, and those that sampling left out before it.
        clock_offset_seconds: its time as its sender dated it, minus the record's; None where the record
            has none.
    """

    topic: str
    partition: int
    offset: int
    event_id: str
    event_time: datetime
    segments: Mapping[str, str]
    image: NDArray[np.uint8]
    item: int = 0
    predicted: str | None = None
    request_id: str | None = None
    taps: TapVectors | None = None
    represents: int = 1
    prepared: Any = None
    clock_offset_seconds: float | None = None

    @property
    def to_score(self) -> Any:
        """The taps if there are any, else the image, prepared if it is."""
        if self.taps is not None:
            return self.taps
        return self.image if self.prepared is None else self.prepared


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Sampling left the record out: others stand for it, and there is nothing to count."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A record without a value, which a compacted topic has for a deleted key: nothing to count."""
