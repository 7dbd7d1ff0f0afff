"""Production models of every usual kind, small and with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import timm
import torch
import torchvision
from torch import Tensor, nn

DETECTION = torchvision.models.detection
SEGMENTATION = torchvision.models.segmentation
UNTRAINED = {"weights": None, "weights_backbone": None}


@dataclass(frozen=True)
class Host:
    """A model, the side of its input, and the layers that selection takes, as it tells them."""

    build: Callable[[], nn.Module]
    size: int
    layers: dict[str, str]


@cache
def build_host(name: str) -> nn.Module:
    """Return the host called *name*, in evaluation mode; tests leave it as it was."""
    torch.manual_seed(0)
    return HOSTS[name].build().eval()


def images(size: int, n: int = 2) -> Tensor:
    """Return *n* random pictures."""
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1))


@dataclass
class Answer:
    """What a model of the Hugging Face kind returns."""

    loss: Tensor | None
    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] = ()


class Block(nn.Module):
    """A transformer block that returns a tuple."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor) -> tuple[Tensor]:
        return (tokens + self.mlp(self.norm(tokens)),)


class Embeddings(nn.Module):
    """Patches with a class token and two registers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.register_tokens = nn.Parameter(torch.randn(1, 2, width))
        self.patches = nn.Conv2d(3, width, 8, stride=8)

    def forward(self, pixel_values: Tensor) -> Tensor:
        patches = self.patches(pixel_values).flatten(2).transpose(1, 2)
        n = len(patches)
        front = [self.cls_token.expand(n, -1, -1), self.register_tokens.expand(n, -1, -1)]
        return torch.cat([*front, patches], dim=1)


class Encoder(nn.Module):
    """Blocks that return a dataclass."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Block(width) for _ in range(depth)])

    def forward(self, tokens: Tensor) -> Answer:
        for block in self.layer:
            (tokens,) = block(tokens)
        return Answer(None, tokens)


class HuggingStyle(nn.Module):
    """A vision transformer nested and named as Hugging Face does, returning a dataclass."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = nn.Module()
        self.vit.embeddings = Embeddings(16)
        self.vit.encoder = Encoder(16, depth=8)
        self.classifier = nn.Linear(16, 4)

    def forward(self, pixel_values: Tensor) -> Answer:
        embeddings, encoder = (
            self.vit.get_submodule("embeddings"),
            self.vit.get_submodule("encoder"),
        )
        states = encoder(embeddings(pixel_values)).last_hidden_state
        return Answer(None, self.classifier(states[:, 0]), (states,))


class Stage(nn.Module):
    """A convolution whose activation works in place, returned in a tuple beside a number."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[float, Tensor]:
        return 1.0, self.convolution(x)


class TuplesInPlace(nn.Module):
    """A user's model: tuples, an in-place activation used after each stage, a dict at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([Stage(3, 8), Stage(8, 12), Stage(12, 16)])
        self.relu = nn.ReLU(inplace=True)
        self.out = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> dict[str, object]:
        for stage in self.stages:
            x = self.relu(stage(x)[1])
        return {"count": len(x), "logits": self.out(x.mean(dim=(2, 3)))}


class Reused(nn.Module):
    """One convolution, called at each of three resolutions, between two that are called once."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.shared = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.last = nn.Conv2d(8, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for _ in range(3):
            x = self.shared(x)
        out: Tensor = self.last(x)
        return out


def _vit() -> nn.Module:
    sizes = {"img_size": 64, "embed_dim": 24, "num_heads": 2, "depth": 8}
    model: nn.Module = timm.create_model("vit_tiny_patch16_224", pretrained=False, **sizes)
    return model


def _swin() -> nn.Module:
    sizes = {"img_size": 64, "window_size": 4, "embed_dim": 12}
    shape = {"depths": (1, 1, 2, 1), "num_heads": (1, 2, 3, 4)}
    model: nn.Module = timm.create_model(
        "swin_tiny_patch4_window7_224", pretrained=False, **sizes, **shape
    )
    return model


def _detection() -> nn.Module:
    few = {"rpn_post_nms_top_n_test": 8, "min_size": 64, "max_size": 64}
    model: nn.Module = DETECTION.fasterrcnn_mobilenet_v3_large_320_fpn(**UNTRAINED, **few)
    return model


def _timm(name: str) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name, pretrained=False)


TOKENS = "24 channels, 16 tokens without 1 class or register tokens"
HUGGING = "16 channels, 16 tokens without 3 class or register tokens"
HOSTS = {
    "resnet": Host(
        _timm("resnet10t"),
        64,
        {
            "layer1": "64 channels, 16 x 16",
            "layer2": "128 channels, 8 x 8",
            "layer3": "256 channels, 4 x 4",
            "layer4": "512 channels, 2 x 2",
        },
    ),
    "efficientnet": Host(
        _timm("tf_efficientnet_lite0"),
        64,
        {
            "blocks.1": "24 channels, 16 x 16",
            "blocks.2": "40 channels, 8 x 8",
            "blocks.4": "112 channels, 4 x 4",
            "bn2": "1280 channels, 2 x 2",
        },
    ),
    "convnext": Host(
        _timm("convnext_atto"),
        64,
        {
            "stages.0": "40 channels, 16 x 16",
            "stages.1": "80 channels, 8 x 8",
            "stages.2": "160 channels, 4 x 4",
            "stages.3": "320 channels, 2 x 2",
        },
    ),
    "mobilenet": Host(
        _timm("mobilenetv3_small_050"),
        64,
        {
            "blocks.0": "8 channels, 16 x 16",
            "blocks.1": "16 channels, 8 x 8",
            "blocks.3": "24 channels, 4 x 4",
            "blocks.5": "288 channels, 2 x 2",
        },
    ),
    "vit": Host(_vit, 64, dict.fromkeys(["blocks.1", "blocks.3", "blocks.5", "blocks.7"], TOKENS)),
    "swin": Host(
        _swin,
        64,
        {
            "layers.0": "12 channels, 16 x 16, channels last",
            "layers.1": "24 channels, 8 x 8, channels last",
            "layers.2": "48 channels, 4 x 4, channels last",
            "norm": "96 channels, 2 x 2, channels last",
        },
    ),
    "torchvision vit": Host(
        lambda: torchvision.models.VisionTransformer(64, 16, 8, 2, 24, 48),
        64,
        {f"encoder.layers.encoder_layer_{block}": TOKENS for block in (1, 3, 5, 7)},
    ),
    "detection": Host(
        _detection,
        64,
        {
            "backbone.body.3": "24 channels, 16 x 16",
            "backbone.body.6": "40 channels, 8 x 8",
            "backbone.body.12": "112 channels, 4 x 4",
            "backbone.body.16": "960 channels, 2 x 2",
        },
    ),
    "deeplab": Host(
        lambda: SEGMENTATION.deeplabv3_mobilenet_v3_large(**UNTRAINED),
        64,
        {
            "backbone.3": "24 channels, 16 x 16",
            "backbone.6": "40 channels, 8 x 8",
            "backbone.16": "960 channels, 4 x 4",
        },
    ),
    "lraspp": Host(
        lambda: SEGMENTATION.lraspp_mobilenet_v3_large(**UNTRAINED),
        64,
        {
            "backbone.3": "24 channels, 16 x 16",
            "backbone.6": "40 channels, 8 x 8",
            "backbone.16": "960 channels, 4 x 4",
        },
    ),
    "hugging face": Host(
        HuggingStyle, 32, {f"vit.encoder.layer.{block}": HUGGING for block in (1, 3, 5, 7)}
    ),
    "tuples": Host(
        TuplesInPlace,
        32,
        {
            "stages.0": "8 channels, 16 x 16",
            "stages.1": "12 channels, 8 x 8",
            "stages.2": "16 channels, 4 x 4",
        },
    ),
    "re-used": Host(Reused, 64, {"first": "8 channels, 32 x 32", "last": "12 channels, 4 x 4"}),
}
