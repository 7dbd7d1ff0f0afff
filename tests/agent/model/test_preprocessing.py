"""What is chosen for a model that does not say how its pictures are prepared, and what is told."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn

from driftgauge.agent.errors import ModelFault
from driftgauge.agent.model.layers import choose_layers
from driftgauge.agent.model.load import LoadedModel, load_model
from driftgauge.agent.model.preprocessing import own_preprocessing, timm_preprocessing
from driftgauge.agent.model.reader import LayerReader
from driftgauge.detector import ModelIdentity, ShapeMismatch

ME = __name__


def grey_model() -> nn.Module:
    return timm.create_model("resnet10t", in_chans=1)  # type: ignore[no-any-return]


def four_channel_model() -> nn.Module:
    return timm.create_model("resnet10t", in_chans=4)  # type: ignore[no-any-return]


def plain_resnet() -> nn.Module:
    return torchvision.models.resnet18()  # type: ignore[no-any-return]


@pytest.mark.parametrize(("factory", "n_channels"), [("grey_model", 1), ("four_channel_model", 4)])
def test_a_model_of_one_or_four_channels_is_tapped_from_colour_pictures(
    factory: str, n_channels: int
) -> None:
    loaded = load_model(source=None, factory=f"{ME}:{factory}", image_size=64)
    reader = LayerReader(loaded, choose_layers(loaded))
    image = np.random.default_rng(0).integers(0, 255, (80, 90, 3), dtype=np.uint8)
    assert reader.prepare(image).input.shape == (1, n_channels, 64, 64)
    taps = reader.read([image, image // 2]).taps
    assert len(taps) > 2
    assert all(torch.isfinite(tap).all() for tap in taps.values())


def test_a_grey_model_sees_the_grey_of_a_picture_by_imagenets_mean_of_means() -> None:
    chosen = timm_preprocessing(grey_model(), 32)
    made: Tensor = chosen.transform(Image.new("RGB", (32, 32), (90, 90, 90)))
    mean, std = np.mean([0.485, 0.456, 0.406]), np.mean([0.229, 0.224, 0.225])
    assert made.flatten()[0] == pytest.approx((90 / 255 - mean) / std, abs=1e-5)


def test_a_model_that_says_nothing_gets_imagenets_and_is_told_so() -> None:
    loaded = load_model(source=None, factory=f"{ME}:plain_resnet")
    assert loaded.preprocessing is not None
    assert loaded.preprocessing.summary == (
        "RGB (3 channels), resize to 256 (bicubic), center crop 224 x 224, "
        "mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)"
    )
    assert "ImageNet's, assumed" in loaded.preprocessing.origin
    assert "let model.factory return (model, transform)" in loaded.notes[0]
    grey = load_model(source=None, factory=f"{ME}:grey_model")
    assert grey.preprocessing is not None
    assert grey.preprocessing.origin == "timm's configuration of the model"
    assert grey.notes == ()


def plainly(picture: Image.Image, scale: Any = 1.0) -> Tensor:
    made: Tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255 * scale
    return made


class Scaled:
    def __call__(self, picture: Image.Image) -> Tensor:
        return plainly(picture)


NAMED = f"""
from functools import partial
from {ME} import Scaled, plainly
from driftgauge.agent.model.preprocessing import own_preprocessing
for one in (plainly, Scaled(), partial(plainly, scale=2.0), lambda picture: plainly(picture)):
    print(own_preprocessing(one).identity)
"""


def test_a_transform_has_one_name_in_every_process() -> None:
    """Else the detector that `fit` makes would be refused by `run`."""
    runs = [subprocess.check_output([sys.executable, "-c", NAMED], text=True) for _ in range(2)]
    assert runs[0] == runs[1]
    assert f"{ME}.plainly" in runs[0]
    assert " at 0x" not in runs[0]


class Picky(nn.Module):
    """Fails for every input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 7:
            raise ValueError("seven wide")
        return self.conv(x)  # type: ignore[no-any-return]


def picky() -> nn.Module:
    return Picky()


def grey_transform() -> tuple[nn.Module, Any]:
    return nn.Sequential(nn.Conv2d(3, 4, 3)), lambda picture: plainly(picture)[:1]


def failing_transform() -> tuple[nn.Module, Any]:
    return nn.Sequential(nn.Conv2d(3, 4, 3)), partial(plainly, scale="no number")


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (
            "picky",
            r"Picky failed on a batch of shape .*seven wide'\) at \S*test_preprocessing.py:\d",
        ),
        ("grey_transform", r"failed on a batch of shape \(\d, 1, 256, 256\).*expected input"),
        (
            "failing_transform",
            r"transform fails on a grey picture.* at \S*test_preprocessing.py:\d",
        ),
    ],
)
def test_a_model_or_transform_that_fails_is_told_before_any_picture_is_read(
    factory: str, said: str
) -> None:
    loaded = load_model(source=None, factory=f"{ME}:{factory}")
    reader = LayerReader(loaded, [next(name for name, _ in loaded.model.named_children())])
    for try_out in (partial(choose_layers, loaded), reader.try_out):
        with pytest.raises(ModelFault, match=said) as caught:
            try_out()
        assert "\n" not in str(caught.value)
        assert caught.value.hint


def test_a_transform_that_gives_no_picture_is_told_before_any_is_read() -> None:
    chosen = own_preprocessing(lambda picture: picture)
    model = nn.Sequential(nn.Conv2d(3, 4, 3)).eval()
    loaded = LoadedModel(model, chosen.transform, torch.device("cpu"), "m", ModelIdentity("w", "p"))
    with pytest.raises(ShapeMismatch, match="end it with ToTensor"):
        LayerReader(loaded, ["0"]).try_out()


def test_a_model_in_half_precision_gets_its_input_in_it() -> None:
    loaded = load_model(source=None, factory=f"{ME}:halved", image_size=32)
    assert LayerReader(loaded, ["0"]).try_out().taps["0"].dtype == torch.float32


def halved() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3)).to(torch.bfloat16)


def detector_of_objects() -> nn.Module:
    build = torchvision.models.detection.ssdlite320_mobilenet_v3_large
    return build(weights=None, weights_backbone=None)  # type: ignore[no-any-return]


def test_a_model_that_is_no_classifier_is_tapped_and_tells_no_class() -> None:
    loaded = load_model(source=None, factory=f"{ME}:detector_of_objects", image_size=64)
    layers = choose_layers(loaded)
    assert all(layer.startswith("backbone.") for layer in layers)
    read = LayerReader(loaded, layers).try_out()
    assert read.predicted is None
    assert {len(tap) for tap in read.taps.values()} == {1}
