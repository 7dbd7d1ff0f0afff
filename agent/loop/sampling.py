"""Which records are scored while the agent is behind: one in so many, by a hash.

The hash does not know what a picture shows, so the scored records are a fair sample of all, and each
stands for the same number of them.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..log import action
from ..ports import Clock, Partition, Record
from .lag import LagReading

log = logging.getLogger(__name__)

_STEPS = 2**64
_SALT = b"sampling"
"""Apart from the hash that smooths p-values: records chosen by that one would all have low ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """When to score a sample only.

    Attributes:
        above_lag_seconds: as far behind every record is scored; None is always.
        one_in_at_most: however far behind, one in so many is scored.
    """

    above_lag_seconds: float | None = None
    one_in_at_most: int = 20


class Sampler:
    """Follows each partition's lag. The loop's thread owns it.

    A partition that is twice as far behind as is allowed has one record in two scored, and so on: it
    settles where what is scored is what the agent can score.
    """

    def __init__(self, settings: SamplingSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reading: LagReading | None = None
        self._rates: Mapping[Partition, int] = {}
        self._told = 1

    def follow(self, reading: LagReading) -> None:
        """Decide again if *reading* is new."""
        if reading is self._reading or self._settings.above_lag_seconds is None:
            return
        now = self._clock.now().timestamp()
        self._reading = reading
        self._rates = {at: self._rate(lag.seconds(now)) for at, lag in reading.partitions.items()}
        if reading.partitions:
            self._tell(max(self._rates.values()))

    def one_in(self, record: Record) -> int:
        """Return for how many records *record* stands, 0 when it is left out."""
        n = self._rates.get((record.topic, record.partition), 1)
        return n if n == 1 or _number(record) * n < _STEPS else 0

    def _rate(self, lag_seconds: float) -> int:
        allowed = self._settings.above_lag_seconds
        if allowed is None or lag_seconds <= allowed:
            return 1
        return min(self._settings.one_in_at_most, math.ceil(lag_seconds / allowed))

    def _tell(self, rate: int) -> None:
        if rate > 1 and self._told == 1:
            log.warning(
                "the agent lags behind: one record in %s is scored until it has caught up",
                rate,
                extra=action("sampling_started", one_in=rate),
            )
        elif rate == 1 and self._told > 1:
            log.info("caught up: every record is scored again", extra=action("sampling_ended"))
        self._told = rate


def _number(record: Record) -> int:
    """Return a number below `_STEPS` that depends on the event: a request and its answer share it."""
    headers = dict(record.headers)
    named = headers.get("ce_id")
    place = f"{record.topic}\0{record.partition}\0{record.offset}".encode()
    key = place if not named else (headers.get("ce_source") or b"") + b"\0" + named
    return int.from_bytes(hashlib.blake2b(key, digest_size=8, person=_SALT).digest(), "big")
