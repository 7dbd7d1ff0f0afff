"""The section ``stream`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field

from driftgauge.storage import DEFAULT_ALPHA

from ..section import Section, Words


class StreamSection(Section):
    """The topic to watch, and how to slice it."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", examples=["camera-frames"])
    """What the database and the alerts call this stream: letters, digits, dots, dashes."""
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", examples=["camera-frames"])
    """The Kafka topic that carries the images your model serves."""
    segments: Words = ("camera",)
    """What the stream is sliced by; each value is watched by itself ("camera=3"). A name is a message
    header or a CloudEvents extension; "json:site.line" a field of a JSON, Avro or Protobuf message;
    "predicted_class" and "model_version" are what the message says of the model's answer, and
    without that the class that the model gives the image here."""
    alpha: float = Field(default=DEFAULT_ALPHA, gt=0, le=0.1)
    """An image counts as out of distribution when its p-value is at most this: in rates, views,
    alerts and metrics alike, of the past as well once it is changed. One of 0.0001, 0.0003, 0.001,
    0.003, 0.01, 0.02, 0.05 and 0.1."""
