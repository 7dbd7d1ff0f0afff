"""What a reader finds in a message: pictures of a request, or classes of a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from .tap_vectors import TapVectors

Image = NDArray[np.uint8]
"""``(height, width, 3)``, RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What was in a message.

    Attributes:
        images: none in a prediction; `NO_IMAGE` if there are *taps*.
        taps: what a hook in the serving process made of the only image.
        headers: of its own, laid over those of the message.
        event_id: as the message names it.
        event_time: aware, UTC.
        attributes: CloudEvents attributes and extensions of a structured envelope.
        document: the JSON object, or the Avro or Protobuf record, for segments that are fields of it.
        request_id: what a request and its prediction share.
        classes: predicted class of each image, where the message says it.
        model_version: of the model that served it.
        is_prediction: a model's prediction in a message of its own, which has no picture.
    """

    images: tuple[Image, ...] = ()
    taps: TapVectors | None = None
    headers: Mapping[str, bytes] = field(default_factory=dict)
    event_id: str | None = None
    event_time: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    document: object = None
    request_id: str | None = None
    classes: tuple[str | None, ...] = ()
    model_version: str | None = None
    is_prediction: bool = False
