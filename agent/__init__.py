"""The sidecar: from Kafka events to windows, alerts and pages.

``attach`` and ``ImageInfo`` are for the serving process: they send the model's own layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .hook.attachment import attach
    from .hook.image_info import ImageInfo

__all__ = ["ImageInfo", "attach"]


def __getattr__(name: str) -> object:
    """Import what the serving process needs when it asks, so that the command line stays fast."""
    if name == "attach":
        from .hook.attachment import attach

        return attach
    if name == "ImageInfo":
        from .hook.image_info import ImageInfo

        return ImageInfo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
