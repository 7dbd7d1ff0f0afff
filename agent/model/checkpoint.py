"""The weights in a file, from any training script."""

from __future__ import annotations

import argparse
import datetime
import pathlib
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingsError

PLAIN_KEYS = (
    *("state_dict", "model", "model_state_dict", "model_state", "weights", "module"),
    *("net", "network", "params"),
)
EMA_KEYS = (
    *("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema", "params_ema"),
    "model_ema_state_dict",
)
_PATHS = (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)
_DATA_TYPES: list[Any] = [
    *(argparse.Namespace, types.SimpleNamespace),
    *(datetime.datetime, datetime.date, datetime.timedelta, datetime.timezone),
    *((kind, f"pathlib.{kind.__name__}") for kind in _PATHS),
    *((kind, f"pathlib._local.{kind.__name__}") for kind in _PATHS),
    (pathlib.PureWindowsPath, "pathlib.WindowsPath"),
    (pathlib.PureWindowsPath, "pathlib._local.WindowsPath"),
    *(np.dtype, *(type(np.dtype(code)) for code in "?bBhHiIlLqQefd")),
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
]
"""Types that training scripts save with the weights, and that run no code when they are read."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights as a file has them.

    Attributes:
        state: name to tensor, under the file's own names.
        key: under which the file has them; empty where they are all that it has.
        has_ema: the file has an exponential moving average of them, too.
    """

    state: Mapping[str, Tensor]
    key: str = ""
    has_ema: bool = False


def read_weights(path: Path, *, use_ema: bool = False) -> Weights:
    """Read ``.safetensors``, or what ``torch.save`` wrote, without running anything in it.

    Args:
        path: the file.
        use_ema: take the exponential moving average of the weights, not the weights.

    Raises:
        SettingsError: the file does not exist, or no such weights in it.
    """
    saved = _read(path)
    found = _find_weights(saved, EMA_KEYS if use_ema else PLAIN_KEYS)
    if found is None:
        kind = "EMA weights" if use_ema else "weights"
        keys = ", ".join(map(str, list(saved)[:12])) if isinstance(saved, Mapping) else ""
        raise SettingsError(
            f"model.checkpoint {path} has no {kind}: got "
            + (f"a dict of {keys or 'nothing'}" if isinstance(saved, Mapping) else _kind(saved)),
            hint="set model.use_ema = false to take the weights that it has"
            if use_ema
            else "save them alone: torch.save(model.state_dict(), ...)",
        )
    key, state = found
    has_ema = _find_weights(saved, EMA_KEYS) is not None and bool(key)
    return Weights(state, key, has_ema)


def _read(path: Path) -> object:
    if not path.is_file():
        raise SettingsError(f"cannot load model.checkpoint {path}: the file does not exist")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(_DATA_TYPES):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, safetensors and the file system raise many kinds
        raise SettingsError(
            f"cannot load model.checkpoint {path}: {_reason(error)}",
            hint="save the weights alone: torch.save(model.state_dict(), ...)",
        ) from error


def _reason(error: Exception) -> str:
    text = str(error)
    if refused := re.search(r"GLOBAL (\S+) (?:was|whose) ", text):
        return (
            f"it holds a pickled {refused[1]} in addition to or instead of weights, and unpickling that "
            "could run code"
        )
    if "Weights only load failed" in text:
        told = re.search(r"WeightsUnpickler error: ([^\n]+)", text)
        why = f": {told[1]:.200}" if told else ""
        return f"it holds more than weights, and unpickling that could run code{why}"
    if "TorchScript" in text:
        return "it is a TorchScript archive, which is a program and not only weights"
    return f"{type(error).__name__}: {text.strip() or 'no reason given':.200}".splitlines()[0]


def _find_weights(saved: object, keys: tuple[str, ...]) -> tuple[str, Mapping[str, Tensor]] | None:
    """Return the weights that are *saved*, or are in it under one of *keys*, and that key."""
    if not isinstance(saved, Mapping):
        return None
    if keys is PLAIN_KEYS and _is_state(saved):
        return "", saved
    for key in keys:
        for part in _nested(saved.get(key)):
            if _is_state(part):
                return key, part
    return None


def _nested(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield *value*, then what it holds under usual names: ``{"model": {"state_dict": ...}}``."""
    if isinstance(value, Mapping):
        yield value
        for key in PLAIN_KEYS:
            if isinstance(value.get(key), Mapping):
                yield value[key]


def _is_state(value: Mapping[Any, Any]) -> bool:
    n_tensors = sum(isinstance(one, Tensor) for one in value.values())
    return n_tensors > 0 and 2 * n_tensors >= len(value)


def _kind(saved: object) -> str:
    return f"{type(saved).__module__}.{type(saved).__qualname__}"
