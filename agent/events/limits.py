"""The defaults of what a message may cost, in one place."""

from __future__ import annotations

MAX_IMAGE_PIXELS = 50_000_000
MAX_IMAGE_ASPECT = 100.0
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_IMAGES_PER_MESSAGE = 32
