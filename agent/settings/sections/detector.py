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
    pixels: bool = True
    """Score about fifty statistics of each picture itself, before the model's transform, as a layer named
    "pixels": light, colour, contrast, noise, compression. Taps that a serving process sends have no
    pixels: set false before `driftgauge fit --images` if the agent is to score sent taps."""
    method: Literal["combined", "diffusion", "mahalanobis", "pca", "neighbours"] = "combined"
    """Scoring method: "combined" is layer-wise diffusion and Mahalanobis distance together; each of
    the two alone; or PCA residuals or nearest neighbours, which are cheaper. `fit` compares them on
    your own images and recommends one."""
    calibrate_by: str = Field(default="", examples=["camera"])
    """A segment, such as "camera": the p-values of each of its values with at least 500 held-out
    reference images are calibrated on these alone, so that a varied scene and a static one have the
    same rate while nothing changes. Other values, and all where this is empty, are calibrated on
    the whole reference."""
    normaliser: Literal["sample", "both", "dataset"] = "sample"
    """How taps are normalised: "sample" by each image's own mean and standard deviation in each
    layer, "both" likewise but with these two kept as features, "dataset" by each channel's mean and
    standard deviation over the reference."""
