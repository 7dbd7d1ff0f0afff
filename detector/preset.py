"""What is fitted and how it scores: the choices that belong to one detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from .calibration import JOININGS, Joining
from .noise import N_STEPS
from .normaliser import NORMALISER_KINDS, NormaliserKind

Mode = Literal["fast", "paper"]
MODES: tuple[Mode, ...] = get_args(Mode)

MAX_WIDTH = 16_384
MAX_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Preset:
    """What is fitted, and how it scores.

    Attributes:
        method: one of `METHOD_KINDS`; the fields below the normaliser belong to ``diffusion`` and
            to ``combined``, the geometric mean of diffusion and Mahalanobis.
        normaliser: one of `NORMALISER_KINDS`.
        width: of the denoiser's residual stream; 0 is twice the channels, as in the paper.
        n_blocks: of the denoiser.
        step: t that it scores at, counted from 0.
        mode: ``fast`` or ``paper``.
        joining: how the surprise of the layers and of the joint score are joined: their ``sum``, or the
            ``largest``, as before format 4 of artifacts.
    """

    method: str = "combined"
    normaliser: NormaliserKind = "sample"
    width: int = 256
    n_blocks: int = 2
    step: int = 75
    mode: Mode = "fast"
    joining: Joining = "sum"

    def __post_init__(self) -> None:
        """Refuse what no fit can have made, such as a damaged manifest's."""
        check_one_of("normaliser", self.normaliser, NORMALISER_KINDS)
        check_one_of("mode", self.mode, MODES)
        check_one_of("joining", self.joining, JOININGS)
        _check_between("width", self.width, 0, MAX_WIDTH)
        _check_between("n_blocks", self.n_blocks, 1, MAX_BLOCKS)
        _check_between("step", self.step, 0, N_STEPS - 1)


def check_one_of(name: str, value: str, known: Sequence[str]) -> None:
    """Raise ValueError unless *value* is one of the *known*."""
    if value not in known:
        raise ValueError(f"got {name} {value!r}, wanted one of {', '.join(known)}")


def _check_between(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"got {name} {value!r}, wanted a whole number from {low} to {high}")


LEAN = Preset()
PAPER = Preset(method="diffusion", normaliser="sample", width=0, n_blocks=16, step=10, mode="paper")
