"""The section ``detector`` of ``driftgauge.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ..section import Section, Words


class DetectorSection(Section):
    """The detector that `driftgauge fit` writes and `driftgauge run` reads."""

    path: Path = Path("detector")
    """Folder of the fitted detector."""
    layers: Words = ()
    """Names of the model's layers to tap; empty means one per stage, chosen automatically."""
    method: Literal["combined", "diffusion", "mahalanobis", "pca", "neighbours"] = "combined"
    """What `driftgauge fit` fits: layer-wise diffusion and Mahalanobis distance together, either
    alone, or a cheaper rival. `fit` compares them on your own images and says which it would use."""
    calibrate_by: str = Field(default="", examples=["camera"])
    """A segment, such as "camera": each of its values with at least 500 held-out reference images
    is ranked among its own, so that a lively camera counts as many images unusual as a dull one;
    the rest, and all where this is empty, are ranked among all."""
    normaliser: Literal["sample", "both", "dataset"] = "sample"
    """How taps are brought to one scale: each image by its own level in each layer, the same with
    the level kept beside, or each channel by the reference alone."""
