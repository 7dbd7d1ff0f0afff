"""The sidecar: from Kafka events to windows, alerts and pages.

``attach`` and ``ImageInfo`` are for the serving process: they send the model's own layers.
``load_scorer`` is for notebooks: it scores images one by one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .hook.attachment import attach
    from .hook.image_info import ImageInfo
    from .score.image_scorer import ImageScorer
    from .score.opening import load_scorer
    from .score.score_table import ScoreTable

__all__ = ["ImageInfo", "ImageScorer", "ScoreTable", "attach", "load_scorer"]

_PLACES = {
    "attach": "hook.attachment",
    "ImageInfo": "hook.image_info",
    "ImageScorer": "score.image_scorer",
    "ScoreTable": "score.score_table",
    "load_scorer": "score.opening",
}


def __getattr__(name: str) -> object:
    """Import what is needed when it is asked for, so that a serving process and the command stay light."""
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
