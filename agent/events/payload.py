"""What a decoder finds in a message: pictures of a request, or classes of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from .tap_vectors import TapVectors

Image = NDArray[np.uint8]
"""``(height, width, 3)``, RGB."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message's value and headers; of a repeated header the last counts.

    Attributes:
        attributes: CloudEvents attributes and extensions of a structured envelope.
    """

    value: bytes
    headers: Mapping[str, bytes]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What was in a message.

    Attributes:
        images: none in an answer; `NO_IMAGE` beside *taps*.
        taps: what a hook in the serving process made of the only image.
        event_id: as the message names it.
        event_time: aware, UTC.
        attributes: CloudEvents attributes and extensions of a structured envelope.
        document: the JSON object, or the Avro or Protobuf record, for segments that are fields of it.
        request_id: what a request and its answer share.
        classes: predicted class of each image, where the message says it.
        model_version: of the model that served it.
        is_answer: a model's answer, which has no picture.
    """

    images: tuple[Image, ...] = ()
    event_id: str | None = None
    event_time: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    document: object = None
    request_id: str | None = None
    classes: tuple[str | None, ...] = ()
    model_version: str | None = None
    is_answer: bool = False
    taps: TapVectors | None = None
