"""The production model that the settings name, and its layers to tap."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.layers import choose_layers
from ..model.load import LoadedModel, load_model
from ..settings.load import Settings


def build_model(settings: Settings) -> LoadedModel:
    """Load the production model."""
    model = settings.model
    return load_model(
        source=model.source,
        factory=model.factory,
        checkpoint=model.checkpoint,
        use_ema=model.use_ema,
        image_size=model.image_size,
        device=model.device,
        precision=model.precision,
    )


def chosen_layers(settings: Settings, loaded: LoadedModel) -> Sequence[str]:
    """Return the layers that the settings name, else one a stage."""
    return settings.detector.layers or choose_layers(loaded)
