"""Where an activation's channels are."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from driftgauge.detector import LayerTaps, describe_layers
from driftgauge.detector.layout import Hints, channels_are_last, read_layout


@pytest.mark.parametrize(
    ("shape", "image_size", "is_last"),
    [
        ((96, 56, 56), None, False),
        ((56, 56, 96), None, True),
        ((64, 60, 80), (480, 640), False),
        ((60, 80, 64), (480, 640), True),
        ((60, 80, 64), None, True),
        ((8, 7, 7), None, False),
        ((7, 7, 8), None, True),
        ((256, 25, 34), (480, 640), False),
        ((1280, 1, 1), None, False),
        ((1, 1, 1280), None, True),
    ],
)
def test_the_axes_that_keep_the_pictures_ratio_are_positions(
    shape: tuple[int, ...], image_size: tuple[int, int] | None, *, is_last: bool
) -> None:
    for otherwise in (False, True):
        if shape == (60, 80, 64) and image_size is None:
            continue  # not square: only the picture's own ratio can tell
        assert channels_are_last(shape, image_size, otherwise=otherwise) is is_last


def test_where_both_fit_what_is_known_of_the_layer_decides() -> None:
    cube = torch.zeros(2, 16, 16, 16)
    assert read_layout(cube, Hints(assumed_last=True), None).channels_last
    assert not read_layout(cube, Hints(), None).channels_last
    assert read_layout(cube, Hints(channels_last=True), None).channels_last


def test_swins_cube_is_read_as_channels_last_and_a_convolutions_as_first() -> None:
    swin = torchvision.models.SwinTransformer([4, 4], 16, [1, 1], [2, 2], [4, 4]).eval()
    told = describe_layers(swin, ["features.1"], torch.zeros(1, 3, 64, 64))
    assert str(told["features.1"]) == "16 channels, 16 x 16, channels last"
    convolution = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1)).eval()
    told = describe_layers(convolution, ["0"], torch.zeros(1, 3, 16, 16))
    assert str(told["0"]) == "16 channels, 16 x 16"


class Turned(nn.Module):
    """Gives ``(n, h, w, c)`` without saying so."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


def test_a_user_can_say_where_the_channels_are() -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), Turned()).eval()
    x = torch.rand(2, 3, 16, 16)
    with torch.inference_mode(), LayerTaps(model, ["0", "1:nhwc", "1:nchw"]) as taps:
        model(x)
        pooled = taps.pooled()
    assert torch.allclose(pooled["1:nhwc"], pooled["0"], atol=1e-6)
    assert not torch.allclose(pooled["1:nchw"], pooled["0"], atol=1e-3)


def test_class_tokens_are_left_out_only_where_the_tokens_have_them() -> None:
    with_class, without = torch.zeros(1, 17, 8), torch.zeros(1, 16, 8)
    assert read_layout(with_class, Hints(n_prefix=1), None).n_prefix == 1
    assert read_layout(without, Hints(n_prefix=1), None).n_prefix == 0
