"""What every way to score has in common: fitted on ``z0``, scored layer by layer and jointly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ..fitting import OnProgress, Training
from ..preset import Preset


@dataclass(frozen=True, slots=True)
class FitJob:
    """What a method is fitted on, and how.

    Attributes:
        clean: ``z0`` of the reference, ``(n, channels)``, on the device to fit on.
        widths: of each layer in ``z0``.
        joint: channels of ``z0`` that the joint score is of; None is all.
        training: lengths and rates, for methods that train; None is their default.
        checkpoint: see `train_denoiser`.
    """

    preset: Preset
    clean: Tensor
    widths: Sequence[int]
    seed: int = 0
    training: Training | None = None
    on_progress: OnProgress | None = None
    checkpoint: Path | None = None
    joint: Tensor | None = None


class ScoringMethod(nn.Module, ABC):
    """Maps ``z0`` to a score for every layer and a joint one.

    Attributes:
        is_cheap: fitted in seconds, so that a fit compares it with the others unasked.

    Args:
        joint: channels of ``z0`` that the joint score is of; None is all.
    """

    is_cheap: ClassVar[bool] = True

    def __init__(self, joint: Tensor | None = None) -> None:
        super().__init__()
        self.joint: Tensor | None
        self.register_buffer("joint", joint)

    @classmethod
    @abstractmethod
    def fitted(cls, job: FitJob) -> tuple[Self, dict[str, float]]:
        """Fit; return the method, and figures of its fit for people."""

    @classmethod
    @abstractmethod
    def empty(cls, preset: Preset, widths: Sequence[int], state: Mapping[str, Tensor]) -> Self:
        """Return an unfitted one that *state*, a saved ``state_dict``, can be loaded into."""

    @abstractmethod
    def forward(self, clean: Tensor) -> Tensor:
        """Return ``(n, layers + 1)``; the last is joint; higher is more unusual."""

    def parts(self) -> dict[str, ScoringMethod]:
        """Return the methods that this one is made of, by name: they need no fit of their own."""
        return {}


def split_layers(clean: Tensor, widths: Sequence[int], joint: Tensor | None = None) -> list[Tensor]:
    """Return each layer's part of ``z0``, then what the joint score is of."""
    whole = clean if joint is None else clean.index_select(1, joint)
    return [*torch.split(clean, list(widths), dim=1), whole]


def saved_joint(state: Mapping[str, Tensor], n_channels: int) -> Tensor | None:
    """Return the joint score's channels in a saved *state*; None is all."""
    joint = state.get("joint")
    if joint is None:
        return None
    if joint.dtype != torch.int64 or joint.ndim != 1 or not len(joint):
        raise ValueError("the joint score's channels are no list of whole numbers")
    if int(joint.min()) < 0 or int(joint.max()) >= n_channels:
        raise ValueError(f"the joint score is of channels beyond {n_channels}")
    return joint
