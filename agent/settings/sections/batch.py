"""The section ``batch`` of ``driftgauge.toml``."""

from __future__ import annotations

from pydantic import Field

from ...events.limits import MAX_IMAGE_ASPECT, MAX_IMAGE_PIXELS, MAX_MESSAGE_BYTES
from ..section import MIB, Section


class BatchSection(Section):
    """How messages are decoded and joined to batches."""

    max_images: int = Field(default=16, ge=1, le=4096)
    """Images that one forward pass takes at most."""
    max_delay_seconds: float = Field(default=0.5, gt=0, le=60)
    """Seconds that an image may wait for its batch to fill."""
    sample_above_lag_seconds: float | None = Field(default=None, ge=10, le=86400, examples=[60])
    """Seconds behind the topic beyond which only a sample of the messages is scored: one in two
    when it is up to twice as far behind, one in three, and so on; unset means all are scored."""
    sample_one_in_at_most: int = Field(default=20, ge=2, le=1000)
    """However far behind, at least one message in so many is scored."""
    decode_threads: int = Field(default=2, ge=1, le=64)
    """Threads that decode images and make them the model's input."""
    max_image_pixels: int = Field(default=MAX_IMAGE_PIXELS, ge=1024, le=1_000_000_000)
    """Images with more pixels than this go to the dead letters undecoded."""
    max_image_aspect: float = Field(default=MAX_IMAGE_ASPECT, ge=1, le=65535)
    """Largest ratio of an image's longer side to its shorter one; others go to the dead letters,
    since scaled for the model they would fill the memory."""
    max_message_bytes: int = Field(default=MAX_MESSAGE_BYTES, ge=1024, le=64 * MIB)
    """Messages with more bytes than this go to the dead letters undecoded."""
