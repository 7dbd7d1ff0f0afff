"""The layers to tap where the settings name none."""

from __future__ import annotations

import torch

from driftgauge.detector import select_layers

from .load import LoadedModel
from .reader import call_model, kind_of, prepare_grey


def choose_layers(loaded: LoadedModel) -> tuple[str, ...]:
    """Return the end of each stage of the model, by its forward pass on a grey picture.

    Raises:
        ModelFault: the transform or the model fails.
        DetectorError: the transform gives no picture, or the model has no layer to tap.
    """
    batch = torch.cat([prepare_grey(loaded)] * 2).to(loaded.device, kind_of(loaded.model))
    batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        call_model(loaded.model, batch)  # its own faults are told as such
    return select_layers(loaded.model, batch)
