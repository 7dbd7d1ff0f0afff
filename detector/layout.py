"""What the axes of a layer's activation mean: where its channels are, and which tokens are places.

Shapes decide where they can: the two axes that keep the picture's ratio of height to width are
positions. Where both readings fit, what the model declares decides, then what the layer is made of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

from torch import Tensor, nn

from .pooling import MAP_AXES, TOKEN_AXES

SLACK = 0.05
"""By how much padding to a multiple of 32 may change a picture's ratio."""
PREFIX_TOKENS = frozenset({
    "cls_token", "class_token", "class_embedding", "dist_token", "distillation_token",
    "reg_token", "register_tokens", "storage_tokens",
})  # fmt: skip
SPATIAL_MODULES = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.GroupNorm)
CHANNELS_LAST_MODULES = (nn.LayerNorm, nn.Linear)


@dataclass(frozen=True, slots=True)
class Layout:
    """One activation, without its batch axis.

    Attributes:
        positions: height and width, or the number of tokens, or nothing for a vector.
        channels: what remains after pooling.
        channels_last: of a map.
        n_prefix: class and register tokens, which are left out.
        grid: rows and columns of the positions, one row where tokens fill no grid of the picture's
            shape; (0, 0) for a vector.
    """

    positions: tuple[int, ...]
    channels: int
    channels_last: bool = False
    n_prefix: int = 0
    grid: tuple[int, int] = (0, 0)

    @property
    def n_positions(self) -> int:
        """Places that the mean is taken over."""
        product = 1
        for length in self.positions:
            product *= length
        return product

    def __str__(self) -> str:
        if not self.positions:
            return f"{self.channels} channels"
        if len(self.positions) == 1:
            left_out = f" without {self.n_prefix} class or register tokens" if self.n_prefix else ""
            return f"{self.channels} channels, {self.positions[0]} tokens{left_out}"
        height, width = self.positions
        order = ", channels last" if self.channels_last else ""
        return f"{self.channels} channels, {height} x {width}{order}"


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a layer before it runs.

    Attributes:
        channels_last: as the user says; None if they do not.
        assumed_last: what to take where the user says nothing and shapes fit both ways.
        n_prefix: class and register tokens at the front, if its output is tokens.
    """

    channels_last: bool | None = None
    assumed_last: bool = False
    n_prefix: int = 0


def read_layout(activation: Tensor, hints: Hints, image_size: tuple[int, int] | None) -> Layout:
    """Return the layout of *activation*, ``(n, ...)``.

    Args:
        hints: from `gather_hints`, or the user.
        image_size: height and width of the model's input; None takes a square.
    """
    _, *shape = activation.shape
    if len(shape) == TOKEN_AXES - 1:
        n_prefix = _prefix(shape[0], hints.n_prefix)
        n_tokens = shape[0] - n_prefix
        grid = token_grid(n_tokens, image_size)
        return Layout((n_tokens,), shape[1], n_prefix=n_prefix, grid=grid)
    if len(shape) != MAP_AXES - 1:
        return Layout((), shape[-1] if shape else 0)
    last = hints.channels_last
    if last is None:
        last = channels_are_last(shape, image_size, otherwise=hints.assumed_last)
    grid = (shape[0], shape[1]) if last else (shape[1], shape[2])
    return Layout(grid, shape[2 if last else 0], channels_last=last, grid=grid)


@lru_cache(maxsize=256)
def token_grid(n_tokens: int, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Return rows and columns of tokens that lie on a grid of the picture's shape, row by row.

    Args:
        image_size: height and width of the model's input; None takes a square.

    Returns:
        The grid that is nearest to the picture's ratio, or one row if none is near.

    Example:
        >>> token_grid(196, None), token_grid(300, (240, 320)), token_grid(7, None)
        ((14, 14), (15, 20), (1, 7))
    """
    grids = [(h, n_tokens // h) for h in range(1, n_tokens + 1) if n_tokens % h == 0]
    errors = [
        (error, grid) for grid in grids if (error := _ratio_error(grid, image_size)) is not None
    ]
    return min(errors)[1] if errors else (1, n_tokens)


def keeps_ratio(layout: Layout, image_size: tuple[int, int] | None) -> bool:
    """Whether a map's positions can be places of the picture."""
    return _ratio_error(layout.positions, image_size) is not None


def channels_are_last(
    shape: Iterable[int], image_size: tuple[int, int] | None, *, otherwise: bool
) -> bool:
    """Return whether ``(a, b, c)`` is height, width, channels; *otherwise* where both fit or none.

    >>> channels_are_last((56, 56, 96), None, otherwise=False)
    True
    >>> channels_are_last((96, 60, 80), (480, 640), otherwise=True)
    False
    """
    a, b, c = shape
    last, first = _ratio_error((a, b), image_size), _ratio_error((b, c), image_size)
    if last == first:
        return otherwise
    return first is None or (last is not None and last < first)


def gather_hints(model: nn.Module, layer: str, *, channels_last: bool | None = None) -> Hints:
    """Return what *model* says of the output of *layer*."""
    module = model.get_submodule(layer)
    above = _ancestors(model, layer)
    declared = next(filter(None, (_output_format(owner) for owner in (module, *above))), "")
    return Hints(
        channels_last=channels_last,
        assumed_last=declared == "NHWC" if declared else _is_made_of_tokens(module),
        n_prefix=next(filter(None, map(_own_prefix, above)), 0),
    )


def _ratio_error(positions: Iterable[int], image_size: tuple[int, int] | None) -> int | None:
    """Return how far positions are from the picture's ratio, in cells; None if too far."""
    height, width = image_size or (1, 1)
    down, across = positions
    error = abs(down * width - across * height)
    if error > max(height, width) + SLACK * down * width:
        return None
    return error


def _ancestors(model: nn.Module, layer: str) -> list[nn.Module]:
    """Return the modules around *layer*, the nearest first."""
    parts = layer.split(".")[:-1]
    names = [".".join(parts[:depth]) for depth in range(len(parts), -1, -1)]
    return [model.get_submodule(name) for name in names]


def _output_format(module: nn.Module) -> str:
    """Return what timm's modules say in ``output_fmt``, a text or an enumeration's value."""
    declared = getattr(module, "output_fmt", "")
    return str(getattr(declared, "value", declared))


def _is_made_of_tokens(module: nn.Module) -> bool:
    inside = list(module.modules())
    has_spatial = any(isinstance(part, SPATIAL_MODULES) for part in inside)
    return not has_spatial and any(isinstance(part, CHANNELS_LAST_MODULES) for part in inside)


def _own_prefix(module: nn.Module) -> int:
    """Return how many class and register tokens *module* puts before its patches.

    timm counts them; elsewhere they are parameters ``(1, count, channels)`` or ``(channels,)`` with
    usual names, of the transformer or of its embedding.
    """
    counted = getattr(module, "num_prefix_tokens", None)
    if isinstance(counted, int):
        return counted
    owners = (module, *module.children())
    return sum(
        parameter.shape[1] if parameter.ndim == TOKEN_AXES else 1
        for owner in owners
        for name, parameter in owner.named_parameters(recurse=False)
        if name in PREFIX_TOKENS and parameter.ndim in (1, TOKEN_AXES)
    )


def _prefix(n_tokens: int, n_prefix: int) -> int:
    """Return *n_prefix* unless the tokens are a full square without it: not all blocks have them.

    >>> _prefix(197, 1), _prefix(196, 1)
    (1, 0)
    """
    is_square = isqrt(n_tokens) ** 2 == n_tokens
    return 0 if is_square or n_prefix >= n_tokens else n_prefix
