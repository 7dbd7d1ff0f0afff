"""Transforms as people have them: called as they want to be, read as what they give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from driftgauge.agent.model.model_input import ModelInput
from driftgauge.detector import ShapeMismatch

PICTURE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
WANTED = torch.from_numpy(PICTURE.transpose(2, 0, 1).astype(np.float32) / 255)


def by_name(*, image: NDArray[np.uint8]) -> dict[str, Any]:
    assert isinstance(image, np.ndarray)
    return {"image": image.astype(np.float32) / 255, "mask": None}


class LikeAlbumentations:
    """Takes anything in its signature, and refuses what has no name."""

    def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        if args:
            raise KeyError("You have to pass data to augmentations as named arguments")
        return by_name(**data)


class OfAnything:
    def __call__(self, *args: Any, **more: Any) -> Tensor:
        return pixels_of(args[0])


class Processor:
    """As Hugging Face's: a batch of one, in a list, named."""

    def __call__(self, images: Image.Image, *args: Any, **more: Any) -> dict[str, Any]:
        return {"pixel_values": [pixels_of(images).numpy()]}


def pixels_of(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "a tensor": pixels_of,
    "by name, a dict, channels last": by_name,
    "like albumentations": LikeAlbumentations(),
    "of anything": OfAnything(),
    "a processor": Processor(),
    "a batch of one": lambda picture: pixels_of(picture)[None],
    "channels last": lambda picture: pixels_of(picture).permute(1, 2, 0),
    "an array": lambda picture: np.asarray(picture).astype(np.float32) / 255,
    "an array of doubles": lambda picture: np.asarray(picture).transpose(2, 0, 1) / 255,
    "a dict of one": lambda picture: {"left": pixels_of(picture)},
    "a kind of tensor": lambda picture: tv_tensors.Image(pixels_of(picture)),
    "of torchvision": v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]),
    "a module": nn.Sequential(v2.ToImage(), v2.ToDtype(torch.float32, scale=True)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_is_called_as_it_wants_and_its_picture_is_found(name: str) -> None:
    made = ModelInput(TRANSFORMS[name]).make(PICTURE)
    assert type(made) is Tensor
    assert made.dtype == torch.float32
    assert torch.allclose(made, WANTED)


def test_a_grey_picture_without_an_axis_for_channels_has_one_channel() -> None:
    made = ModelInput(lambda p: np.asarray(p.convert("L")).astype(np.float32)).make(PICTURE)
    assert made.shape == (1, 6, 9)


def forgets(picture: Image.Image) -> None:
    pixels_of(picture)


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "a picture": (lambda picture: picture, r"gave Image for one picture.*end it with ToTensor"),
    "bytes of a tensor": (
        lambda picture: torch.from_numpy(np.array(picture)).permute(2, 0, 1),
        r"gave uint8 numbers for one picture.*ToDtype\(torch.float32, scale=True\)",
    ),
    "bytes of an array": (np.asarray, "gave uint8 numbers for one picture.*albumentations"),
    "a dict of several": (
        lambda picture: {"left": pixels_of(picture), "right": pixels_of(picture)},
        "gave a dict of left, right for one picture.*name it 'image' or 'pixel_values'",
    ),
    "a batch": (lambda picture: torch.zeros(2, 3, 4, 4), r"gave \(2, 3, 4, 4\) for one picture"),
    "nothing": (forgets, r"gave NoneType.*\[forgets at \S*test_model_input.py:\d+\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_input_is_refused_with_one_sentence_that_says_what_to_write(name: str) -> None:
    transform, said = REFUSED[name]
    with pytest.raises(ShapeMismatch, match=said) as caught:
        ModelInput(transform).make(PICTURE)
    assert "\n" not in str(caught.value)
