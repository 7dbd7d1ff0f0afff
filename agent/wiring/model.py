"""The production model that the settings name, and its layers to tap."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from driftgauge.detector import select_layers

from ..model.load import LoadedModel, load_model
from ..settings.load import Settings


def build_model(settings: Settings) -> LoadedModel:
    """Load the production model."""
    model = settings.model
    return load_model(
        source=model.source,
        factory=model.factory,
        checkpoint=model.checkpoint,
        image_size=model.image_size,
        device=model.device,
        precision=model.precision,
    )


def chosen_layers(settings: Settings, loaded: LoadedModel) -> Sequence[str]:
    """Return the layers that the settings name, else one a stage."""
    if settings.detector.layers:
        return settings.detector.layers
    from PIL import Image

    grey = Image.new("RGB", (256, 256), (128, 128, 128))
    sample = loaded.transform(grey)[None].to(loaded.device)
    return select_layers(loaded.model, sample.contiguous(memory_format=torch.channels_last))
