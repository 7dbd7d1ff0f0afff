"""The section ``batch`` of ``driftgauge.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...events.limits import MAX_IMAGE_ASPECT, MAX_IMAGE_PIXELS, MAX_MESSAGE_BYTES
from ..section import MIB, Section


class BatchSection(Section):
    """How messages are decoded and collected in batches."""

    max_images: Literal["auto"] | Annotated[int, Field(ge=1, le=4096)] = "auto"
    """Maximum number of images in one forward pass. "auto" measures 16, 64 and 256 when the agent
    starts, and takes the smallest that no larger one outruns by 5 %, with passes of at most
    max_delay_seconds; `driftgauge fit` takes 16 then."""
    max_delay_seconds: float = Field(default=0.5, gt=0, le=60)
    """Seconds that an image may wait for its batch to fill."""
    sample_above_lag_seconds: float | None = Field(default=None, ge=10, le=86400, examples=[60])
    """Lag in seconds above which only a sample of the messages is scored: one in two up to twice
    this lag, one in three up to three times, and so on; unset means all are scored."""
    sample_one_in_at_most: int = Field(default=20, ge=2, le=1000)
    """At least one message in this many is scored, however large the lag is."""
    decode_threads: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = "auto"
    """Threads that decode and transform images. "auto" is one for each processor that the agent
    may use, at least 2 and at most 8."""
    max_image_pixels: int = Field(default=MAX_IMAGE_PIXELS, ge=1024, le=1_000_000_000)
    """Images with more pixels than this go to the dead-letter topic undecoded."""
    max_image_aspect: float = Field(default=MAX_IMAGE_ASPECT, ge=1, le=65535)
    """Maximum ratio of an image's longer side to its shorter one; others go to the dead-letter topic,
    since they would fill the memory when they are resized for the model."""
    max_message_bytes: int = Field(default=MAX_MESSAGE_BYTES, ge=1024, le=64 * MIB)
    """Messages with more bytes than this go to the dead-letter topic undecoded."""
