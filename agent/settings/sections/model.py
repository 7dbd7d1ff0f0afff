"""The section ``model`` of ``driftgauge.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ..section import Section


class ModelSection(Section):
    """The production model whose layers are tapped. Set source or factory."""

    source: str | None = Field(
        default=None, pattern=r"^timm:.+", examples=["timm:tf_efficientnet_lite0"]
    )
    """A timm model, "timm:NAME"."""
    factory: str | None = Field(
        default=None, pattern=r"^[\w.]+:\w+$", examples=["my_model:build_model"]
    )
    """Your own model: "package.module:function" that returns an nn.Module, or a pair of it and
    its transform, which several threads call at the same time (docs/models.md)."""
    checkpoint: Path | None = Field(default=None, examples=["weights/model.safetensors"])
    """A file with the model's weights: safetensors, or what torch.save wrote; a training script's
    checkpoint will do, and names that DataParallel or torch.compile changed are understood."""
    use_ema: bool = False
    """Whether to take the checkpoint's exponential moving average of the weights (EMA)."""
    class_names: Path | None = Field(default=None, examples=["weights/classes.txt"])
    """A file with the names of the model's classes in the order of its output, one a line; for the
    segment "predicted_class". Unset means that classes are named by number."""
    image_size: int | None = Field(default=None, ge=16, le=2048, examples=[224])
    """Side of the square that images are brought to, in pixels; unset means the model's own."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """Where the model runs: "auto", "cpu", "cuda", "cuda:1", "mps"."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Precision of the model's matrix products and convolutions. "float32" is exact, also on a GPU;
    "tf32" rounds their inputs to 10 bits there, which is faster, and is what PyTorch does with
    convolutions by default; on a CPU it is float32. A detector is for one precision: fit it again
    after a change."""
