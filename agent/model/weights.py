"""Weights from a checkpoint, brought into a model under its own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import SettingsError
from .checkpoint import Weights

WRAPPERS = frozenset({"module", "_orig_mod"})
"""Parts of names that DataParallel, AveragedModel and torch.compile put before a model's own."""
BESIDE_WEIGHTS = re.compile(r"(^|\.)(n_averaged|num_batches_tracked|total_ops|total_params)$")
"""Counters that no output depends on."""
SHOWN = 3


def load_weights(model: nn.Module, weights: Weights, path: Path) -> None:
    """Bring *weights* into *model*, under whatever wrapper's names they were saved.

    Raises:
        SettingsError: they are another model's; counts and the first names are told.
    """
    wanted = dict(model.state_dict())
    state = rename_weights(weights.state, wanted)
    missing = [k for k in wanted if k not in state and not BESIDE_WEIGHTS.search(k)]
    unexpected = [k for k in state if k not in wanted and not BESIDE_WEIGHTS.search(k)]
    reshaped = [
        f"{k} {_shape(state[k])} for {_shape(wanted[k])}"
        for k in wanted
        if k in state and None is not _shape(wanted[k]) != _shape(state[k])
    ]
    if missing or unexpected or reshaped:
        raise SettingsError(
            f"model.checkpoint {path} has the weights of another model than "
            f"{type(model).__name__}: of {len(wanted)} names {len(missing)} are not in the file, "
            f"{len(reshaped)} have another shape in it, and {len(unexpected)} of its own are not "
            "in the model\n"
            + f"missing: {_first(missing)}; other shapes: {_first(reshaped)}\n"
            + f"not in the model: {_first(unexpected)}",
            hint="look at the model's name, number of classes and of input channels",
        )
    try:
        model.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)
    except Exception as error:  # modules that load in their own way raise many kinds
        raise SettingsError(f"cannot load model.checkpoint {path}: {error!r:.300}") from error


def rename_weights(state: Mapping[str, Tensor], wanted: Mapping[str, object]) -> dict[str, Tensor]:
    """Return *state* under the names of *wanted*, as far as only wrappers' prefixes differ.

    Example:
        >>> list(rename_weights({"module._orig_mod.fc.bias": nn.Parameter()}, {"fc.bias": 0}))
        ['fc.bias']
    """
    names = {_bare(name): name for name in wanted}
    if len(names) < len(wanted):  # "module" is a name of the model's own
        return dict(state)
    bare = {_bare(name): value for name, value in state.items()}
    head = {name.partition(".")[0] for name in bare if not BESIDE_WEIGHTS.search(name)}
    if len(head) == 1 and not any(name in names for name in bare):  # such as Lightning's "model."
        bare = {name.partition(".")[2] or name: value for name, value in bare.items()}
    return {names.get(name, name): value for name, value in bare.items()}


def _bare(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def shape_of(state: Mapping[str, object], name: str) -> tuple[int, ...] | None:
    """Return the shape of what a model without wrappers calls *name*, None without one."""
    return next((_shape(v) for k, v in state.items() if _bare(k) == name), None)


def _shape(value: object) -> tuple[int, ...] | None:
    """Return a tensor's shape; None where it has none yet, or is no tensor."""
    if isinstance(value, Tensor) and not is_lazy(value):
        return tuple(value.shape)
    return None


def _first(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "none"
