"""driftgauge: a sidecar that tells when an image model in production sees other images than it knows.

``attach`` and ``ImageInfo`` are for the serving process: they send what the model's own layers made
of an image. Everything else starts with the command ``driftgauge``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import ImageInfo, attach

    __version__: str

__all__ = ["ImageInfo", "__version__", "attach"]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that the command line stays fast."""
    if name == "__version__":
        from importlib.metadata import version

        return version("driftgauge")
    if name in {"ImageInfo", "attach"}:
        from . import agent

        return getattr(agent, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
