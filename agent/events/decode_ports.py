"""What decoding uses besides values: the network, a schema registry, what was seen so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..registry.frame import ReadRecord, no_registry
from .first_sight import FirstSight
from .picture_field import Fetch, no_fetch
from .prediction import PredictionBook


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodePorts:
    """What decoding uses besides values; by default nothing outside the message.

    Attributes:
        fetch: downloads a picture from its URL.
        read_record: reads a record in a schema registry's framing.
        predictions: of the served model, where those are logged too.
        sight: what the stream's first messages decided for all that follow.
    """

    fetch: Fetch = no_fetch
    read_record: ReadRecord = no_registry
    predictions: PredictionBook = field(default_factory=PredictionBook)
    sight: FirstSight = field(default_factory=FirstSight)
