"""Which layers to tap by default: one dry run finds the end of each stage of the backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from .dry_run import Output, run_dry
from .errors import LayerNotFound
from .layout import Layout
from .taps import LayerTaps

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
IDLE = (nn.Identity, _DropoutNd)
BACKBONES = ("backbone", "body", "trunk", "feature_extractor", "encoder")
HEADS = frozenset({
    "head", "heads", "classifier", "aux_classifier", "auxiliary_head", "decoder", "decode_head",
    "segmentation_head", "neck", "fpn", "rpn", "roi_heads", "pooler",
})  # fmt: skip
N_BLOCKS = 4
N_STAGES = 3
FINEST = 8
"""A stage with more than one position for so many pixels is left out where `N_STAGES` others are: at half
of the picture's resolution most of what taps cost is read, and nothing is told by it (docs/benchmarks.md)."""
SAME_STAGE = 0.7
"""A layer with at least this share of a stage's positions belongs to it: unpadded convolutions."""


def select_layers(
    model: nn.Module, sample: Tensor, *, with_finest: bool = False
) -> tuple[str, ...]:
    """Return the last layer of each stage, or blocks at each quarter of the depth.

    A stage is what a model computes at one resolution on its way down. Where resolution never
    changes, as in a vision transformer, blocks at each quarter are taken. A stage at half of the
    picture's resolution is left out where at least three others are. Necks, decoders and heads are left
    alone, and so is what runs more than once in a forward pass.

    Args:
        model: the host, in evaluation mode; run once.
        sample: one preprocessed batch, ``(n, 3, height, width)``.
        with_finest: take a stage at half of the picture's resolution in any case.

    Raises:
        LayerNotFound: no module gave feature maps or tokens.
        ModelNotTappable: the model is in train mode, or runs in compiled code.
    """
    outputs = run_dry(model, sample)
    candidates = set(_candidates(model, outputs))
    maps = [name for name, output in outputs.items() if name in candidates and output.is_map]
    tokens = [name for name, output in outputs.items() if name in candidates and output.is_tokens]
    found = _stages_or_quarters(model, tokens, outputs, n_stages=N_STAGES)
    is_transformer = len(found) >= N_STAGES and _n_weights(model, tokens) > _n_weights(model, maps)
    if maps and not is_transformer:
        found = _stages_or_quarters(model, maps, outputs, n_stages=2)
        if not with_finest:
            found = _without_finest(found, outputs, n_pixels=sample.shape[-2] * sample.shape[-1])
    if not found:
        raise LayerNotFound(
            f"found no layers to tap in {type(model).__name__}; name them under [detector] layers"
        )
    return found


def _without_finest(
    stages: tuple[str, ...], outputs: Mapping[str, Output], *, n_pixels: int
) -> tuple[str, ...]:
    coarser = tuple(
        name
        for name in stages
        if (layout := outputs[name].layout) and layout.n_positions * FINEST <= n_pixels
    )
    return coarser if len(coarser) >= N_STAGES else stages


def describe_layers(model: nn.Module, layers: Sequence[str], sample: Tensor) -> dict[str, Layout]:
    """Return what each layer gives for *sample*: ``str`` of it is for people.

    Raises:
        LayerNotFound, LayerSilent, ShapeMismatch: a layer cannot be tapped.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2)).eval()
        >>> layouts = describe_layers(model, ["0", "1"], torch.zeros(1, 3, 16, 16))
        >>> {name: str(layout) for name, layout in layouts.items()}
        {'0': '8 channels, 16 x 16', '1': '8 channels, 8 x 8'}
    """
    with torch.inference_mode(), LayerTaps(model, layers) as taps:
        model(sample)
        layouts = taps.layouts()
        return {name: layouts[name] for name in taps.pooled()}


def _stages_or_quarters(
    model: nn.Module, names: list[str], outputs: dict[str, Output], *, n_stages: int
) -> tuple[str, ...]:
    stages = _last_of_each_stage(names, outputs)
    blocks = _longest_row(model, names)
    is_even = len(stages) < n_stages and len(blocks) > len(stages)
    return _quarters(blocks) if is_even else stages


def _last_of_each_stage(names: Iterable[str], outputs: dict[str, Output]) -> tuple[str, ...]:
    """Return the last of *names* at each resolution, on the way down only."""
    stages: list[str] = []
    begun, smallest = inf, inf
    for name in names:
        layout = outputs[name].layout
        if layout is None or layout.n_positions > smallest:
            continue
        smallest = layout.n_positions
        if stages and smallest >= SAME_STAGE * begun:
            stages[-1] = name
        else:
            stages.append(name)
            begun = smallest
    return tuple(stages)


def _n_weights(model: nn.Module, names: Iterable[str]) -> int:
    weights = {p: p.numel() for name in names for p in model.get_submodule(name).parameters()}
    return sum(weights.values())


def _longest_row(model: nn.Module, names: Iterable[str]) -> list[str]:
    """Return the longest row of numbered siblings of one kind."""
    rows: dict[tuple[str, type], list[str]] = {}
    for name in names:
        stem = name.rstrip("0123456789")
        if stem != name:
            rows.setdefault((stem, type(model.get_submodule(name))), []).append(name)
    return max(rows.values(), key=len, default=[])


def _quarters(blocks: list[str]) -> tuple[str, ...]:
    places = [max(len(blocks) * quarter // 4 - 1, 0) for quarter in (1, 2, 3, 4)]
    return tuple(dict.fromkeys(blocks[place] for place in places))


def _candidates(model: nn.Module, outputs: dict[str, Output]) -> Iterator[str]:
    """Yield what may be the end of a stage: modules of the backbone, but not the inside of blocks.

    Containers are opened, and so are modules that hold several stages or a row of blocks.
    """
    yield from _opened(model, _backbone(model, outputs), outputs)


def _backbone(model: nn.Module, outputs: dict[str, Output]) -> str:
    """Return the name of the module that holds the stages, inside all wrappers; "" is the model."""
    core = ""
    while True:
        children = [name for name in _children(model, core) if _inside(name, outputs)]
        inner = _named_backbone(model, children, outputs)
        if len(children) == 1:
            inner = inner or children
        if not inner or not _inside(inner[0], outputs, itself=False):
            return core
        core = inner[0]


def _named_backbone(model: nn.Module, children: list[str], outputs: dict[str, Output]) -> list[str]:
    """Return a child, or else a grandchild, that is called a backbone."""
    grandchildren = [name for child in children for name in _children(model, child)]
    for names in (children, [name for name in grandchildren if _inside(name, outputs)]):
        for wanted in BACKBONES:
            if found := [name for name in names if name.rpartition(".")[2] == wanted]:
                return found[:1]
    return []


def _opened(model: nn.Module, name: str, outputs: dict[str, Output]) -> Iterator[str]:
    children = _children(model, name)
    bodies = [child for child in children if child.rpartition(".")[2] not in HEADS]
    has_bodies = any(_inside(child, outputs) for child in bodies)
    for child in bodies if has_bodies else children:
        module = model.get_submodule(child)
        if isinstance(module, IDLE):
            continue
        is_deep = _is_deep(model, child, outputs)
        if not is_deep:  # else its last stage is the same output under a plainer name
            yield child
        if isinstance(module, CONTAINERS) or is_deep or child not in outputs:
            yield from _opened(model, child, outputs)


def _inside(name: str, outputs: dict[str, Output], *, itself: bool = True) -> list[str]:
    """Return the modules in *name* that give maps or tokens."""
    return [
        other
        for other, output in outputs.items()
        if (output.is_map or output.is_tokens)
        and ((other == name and itself) or other.startswith(f"{name}."))
    ]


def _is_deep(model: nn.Module, name: str, outputs: dict[str, Output]) -> bool:
    """Whether *name* holds several stages, or a row of blocks; a block holds at most two sizes."""
    inside = [other for other in _shallow(model, name) if other in outputs]
    maps = [other for other in inside if outputs[other].is_map]
    tokens = [other for other in inside if outputs[other].is_tokens]
    n_sizes = max(_n_sizes(maps, outputs), _n_sizes(tokens, outputs))
    return n_sizes >= N_STAGES or len(_longest_row(model, tokens)) >= N_BLOCKS


def _n_sizes(names: Iterable[str], outputs: dict[str, Output]) -> int:
    return len({layout.n_positions for name in names if (layout := outputs[name].layout)})


def _shallow(model: nn.Module, name: str) -> Iterator[str]:
    """Yield children, and what containers among them hold."""
    for child in _children(model, name):
        yield child
        if isinstance(model.get_submodule(child), CONTAINERS):
            yield from _shallow(model, child)


def _children(model: nn.Module, name: str) -> list[str]:
    """Return the full names of the modules directly in *name*."""
    prefix = f"{name}." if name else ""
    return [f"{prefix}{child}" for child, _ in model.get_submodule(name).named_children()]
