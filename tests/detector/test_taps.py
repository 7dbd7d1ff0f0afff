from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from driftgauge.detector import LayerNotFound, LayerSilent, LayerTaps, ShapeMismatch, select_layers
from driftgauge.detector.pooling import pool_activation

from .models import small_cnn


def images(n: int = 2, size: int = 32) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def n_hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_the_hosts_output_is_bit_identical_with_and_without_taps() -> None:
    model = small_cnn()
    with torch.inference_mode():
        bare = model(images())
        with LayerTaps(model, ["0", "1"]):
            tapped = model(images())
    assert torch.equal(bare, tapped)


def test_hooks_are_gone_after_exit_and_after_an_error() -> None:
    model = small_cnn()
    with LayerTaps(model, ["0"]):
        assert n_hooks(model) == 1
    assert n_hooks(model) == 0
    with pytest.raises(RuntimeError, match="expected input"), LayerTaps(model, ["0"]):
        model(torch.zeros(2, 5, 8, 8))
    assert n_hooks(model) == 0


def test_a_tap_is_the_mean_over_positions_before_a_later_in_place_change() -> None:
    model = small_cnn()
    with torch.inference_mode(), LayerTaps(model, ["0.0", "0"]) as taps:
        model(images())
        pooled = taps.pooled()
        convolved = model.get_submodule("0.0")(images())
    assert torch.allclose(pooled["0.0"], convolved.mean(dim=(2, 3)), atol=1e-6)
    assert bool((pooled["0"] >= 0).all())


def test_two_tap_sets_on_one_model_do_not_disturb_each_other() -> None:
    model = small_cnn()
    with torch.inference_mode(), LayerTaps(model, ["0"]) as first:
        with LayerTaps(model, ["0", "1"]) as second:
            model(images())
            assert torch.equal(first.pooled()["0"], second.pooled()["0"])
        model(images())
        assert list(first.pooled()) == ["0"]


def test_an_unknown_layer_is_refused_with_the_nearest_name() -> None:
    model = timm.create_model("resnet18", pretrained=False)
    with pytest.raises(LayerNotFound, match="'layer5' is not in ResNet; did you mean 'layer4'"):
        LayerTaps(model, ["layer5"])


def test_a_layer_that_fires_never_or_twice_is_an_error() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, shared)
    with LayerTaps(model, ["0"]) as taps:
        with pytest.raises(LayerSilent, match="fired 0 times"):
            taps.pooled()
        model(torch.zeros(1, 4))
        with pytest.raises(LayerSilent, match="fired 2 times"):
            taps.pooled()


def test_a_layer_without_a_tensor_is_an_error() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> str:
            return "no tensor"

    model = nn.Sequential(Odd())
    with pytest.raises(LayerSilent, match="returned no tensor but str"), LayerTaps(model, ["0"]):
        model(torch.zeros(1))


def test_outputs_in_tuples_and_mappings_are_tapped_at_their_first_tensor() -> None:
    class Wrapped(nn.Module):
        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind

        def forward(self, x: torch.Tensor) -> object:
            return (None, x) if self.kind == "tuple" else {"aux": 3, "out": x}

    for kind in ("tuple", "mapping"):
        wrapped = nn.Sequential(Wrapped(kind))
        with LayerTaps(wrapped, ["0"]) as taps:
            wrapped(torch.ones(2, 5))
            assert taps.pooled()["0"].shape == (2, 5)


def test_pooling_follows_the_shape_in_float32() -> None:
    half = torch.full((2, 3, 4, 4), 0.5, dtype=torch.float16)
    assert pool_activation(half).dtype == torch.float32
    assert pool_activation(half).shape == (2, 3)
    assert pool_activation(half.permute(0, 2, 3, 1), channels_last=True).shape == (2, 3)
    assert pool_activation(torch.ones(2, 7, 5)).shape == (2, 5)
    with pytest.raises(ShapeMismatch, match=r"\(3,\)"):
        pool_activation(torch.ones(3))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("resnet18", ("act1", "layer1", "layer2", "layer3", "layer4")),
        ("tf_efficientnet_lite0", ("blocks.0", "blocks.1", "blocks.2", "blocks.4", "bn2")),
        ("vit_tiny_patch16_224", ("blocks.2", "blocks.5", "blocks.8", "blocks.11")),
    ],
)
def test_selection_takes_the_end_of_each_stage(name: str, wanted: tuple[str, ...]) -> None:
    model = timm.create_model(name, pretrained=False).eval()
    size = 224 if name.startswith("vit") else 64
    assert select_layers(model, torch.zeros(1, 3, size, size)) == wanted
    assert n_hooks(model) == 0


def test_a_model_without_maps_or_tokens_asks_for_names() -> None:
    with pytest.raises(LayerNotFound, match=r"name them under \[detector\] layers"):
        select_layers(nn.Sequential(nn.Linear(3, 3)), torch.zeros(1, 3))
