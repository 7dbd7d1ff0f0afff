"""What the user's transform makes of a picture, brought to what a model takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from driftgauge.detector import ShapeMismatch

from .pixels import as_rgb
from .user_code import describe_callable

PICTURE_KEYS = ("image", "pixel_values", "images", "x")
"""Names under which transforms that give a dict have the picture."""
MAX_CHANNELS = 4
_INPUT_AXES = 3
_GREY_AXES = 2
_PROBE_SIDE = 64


class ModelInput:
    """Calls a transform as it wants to be called, and reads what it gives.

    A transform is called with a PIL picture in RGB. One that takes arguments by name only, as
    albumentations' do, is called with ``image=`` an array ``(height, width, 3)``, RGB, uint8. It may
    give a tensor or an array, ``(channels, height, width)`` or channels last, or a dict with it.

    Safe in every thread if the transform is.
    """

    def __init__(self, transform: Callable[..., Any]) -> None:
        self._transform = transform
        self._is_by_name = _takes_names_only(transform)

    def make(self, image: NDArray[Any]) -> Tensor:
        """Return ``(channels, height, width)``, floating point, of one picture.

        Args:
            image: RGB ``(height, width, 3)``, uint8; `as_rgb` says what else is taken.

        Raises:
            ShapeMismatch: it is no picture, or the transform gives something else; what the
                transform itself raises goes through.
        """
        pixels = as_rgb(image)
        if self._is_by_name:
            made = self._transform(image=pixels)
        else:
            made = self._transform(Image.fromarray(pixels))
        return self._read(made)

    def _read(self, made: object) -> Tensor:
        if isinstance(made, Mapping):
            made = self._of_mapping(made)
        if isinstance(made, list | tuple) and len(made) == 1:
            (made,) = made
        if isinstance(made, np.ndarray) and made.dtype.kind in "fiub":
            made = torch.from_numpy(np.array(made))  # its own: it may be read-only
        if not isinstance(made, Tensor):
            way = "end it with ToTensor()" if isinstance(made, Image.Image) else _RETURN_IT
            raise self._refusal(type(made).__name__, way)
        if made.ndim == _INPUT_AXES + 1 and made.shape[0] == 1:
            made = made[0]
        if made.ndim == _GREY_AXES:
            made = made[None]
        if made.ndim != _INPUT_AXES:
            raise self._refusal(str(tuple(made.shape)), _RETURN_IT)
        if not made.is_floating_point():
            raise self._refusal(
                f"{str(made.dtype).removeprefix('torch.')} numbers",
                "bring them to the range that the model was trained on, in float32: ToTensor() or "
                "ToDtype(torch.float32, scale=True), albumentations' Normalize() or ToFloat()",
            )
        plain = made.detach().as_subclass(Tensor)
        plain = plain.permute(2, 0, 1) if _has_channels_last(plain) else plain
        return plain.float() if plain.dtype == torch.float64 else plain

    def _of_mapping(self, made: Mapping[str, Any]) -> object:
        known = [key for key in PICTURE_KEYS if key in made]
        if known:
            return made[known[0]]
        if len(made) == 1:
            return next(iter(made.values()))
        raise self._refusal(
            f"a dict of {', '.join(map(str, made))}",
            "return the picture itself, or name it 'image' or 'pixel_values'",
        )

    def _refusal(self, got: str, way: str) -> ShapeMismatch:
        return ShapeMismatch(
            f"the model's transform gave {got} for one picture, wanted a tensor "
            f"(channels, height, width) of floats: {way} [{describe_callable(self._transform)}]"
        )


_RETURN_IT = "return one picture as such a tensor from it"


def _has_channels_last(made: Tensor) -> bool:
    first, last = made.shape[0], made.shape[-1]
    return 1 <= last <= MAX_CHANNELS < first


def _takes_names_only(transform: Callable[..., Any]) -> bool:
    call = transform.forward if isinstance(transform, nn.Module) else transform
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):  # compiled code does not say
        return False
    kinds = {one.kind for one in parameters}
    if kinds & {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}:
        return False
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return True
    return inspect.Parameter.VAR_KEYWORD in kinds and _works_by_name_only(transform)


def _works_by_name_only(transform: Callable[..., Any]) -> bool:
    """Return whether a transform that may take anything refuses a place and takes a name."""
    pixels = np.full((_PROBE_SIDE, _PROBE_SIDE, 3), 128, np.uint8)
    try:
        transform(Image.fromarray(pixels))
    except Exception:  # any: it is asked again by name
        try:
            transform(image=pixels)
        except Exception:  # any: the first real picture tells of it
            return False
        return True
    return False
