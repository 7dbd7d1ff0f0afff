"""driftgauge: a sidecar that tells when an image model in production sees other images than it knows.

``attach`` and ``ImageInfo`` are for the serving process: they send what the model's own layers made
of an image. ``load_scorer`` is for notebooks: it scores images with a detector that was fitted.
Everything else starts with the command ``driftgauge``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import ImageInfo, ImageScorer, ScoreTable, attach, load_scorer

    __version__: str

__all__ = ["ImageInfo", "ImageScorer", "ScoreTable", "__version__", "attach", "load_scorer"]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that the command line stays fast."""
    if name == "__version__":
        from importlib.metadata import version

        return version("driftgauge")
    if name in __all__:
        from . import agent

        return getattr(agent, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
