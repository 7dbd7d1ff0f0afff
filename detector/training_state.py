"""Where training stands, on disk: tensors and JSON in one safetensors file, no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .denoiser import Denoiser
from .errors import ArtifactError

CHUNK = 4096
"""Samples hashed at a time."""


@dataclass(slots=True)
class TrainingState:
    """Everything that training needs to continue after an evaluation.

    Attributes:
        average: of the network's weights.
        best: the average that was best on held-out samples so far.
        generator: draws samples, steps and noise; on the CPU.
        step: optimiser steps done.
        best_loss: of *best*, held out.
        stale: evaluations since *best*.
    """

    network: Denoiser
    average: Denoiser
    best: Denoiser
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    step: int = 0
    best_loss: float = float("inf")
    stale: int = 0

    def save(self, path: Path, run: str) -> None:
        """Write all of it to *path*, in one step or not at all.

        Args:
            run: what it belongs to; see `name_run`.

        Raises:
            ArtifactError: it cannot be written.
        """
        tensors = self._tensors()
        facts = {
            "groups": self.optimiser.state_dict()["param_groups"],
            "schedule": self.schedule.state_dict(),
            "counts": [self.step, self.best_loss, self.stale],
        }
        metadata = {"run": run, "facts": json.dumps(facts)}
        draft = path.with_name(f"{path.name}.draft")
        try:
            save_file(tensors, draft, metadata | {"content": _digest(tensors, metadata)})
            draft.replace(path)
        except (SafetensorError, OSError) as error:
            raise ArtifactError(
                f"cannot write the training state to {path}: {error}; free disk space there"
            ) from error

    def restore(self, path: Path, run: str) -> bool:
        """Take over what `save` wrote for the same *run*; False where there is no such thing."""
        try:
            with safe_open(path, "pt") as file:
                metadata = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError):
            return False
        content = metadata.pop("content", None)
        if metadata.get("run") != run or content != _digest(tensors, metadata):
            return False
        self._take(tensors, json.loads(metadata["facts"]))
        return True

    def _take(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        for name, network in self._networks().items():
            network.load_state_dict(_part(tensors, name))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _part(tensors, "optimiser").items():
            number, _, what = key.partition(".")
            moments.setdefault(int(number), {})[what] = value
        self.optimiser.load_state_dict({"state": moments, "param_groups": facts["groups"]})
        self.schedule.load_state_dict(facts["schedule"])
        self.generator.set_state(tensors["generator"])
        self.step, self.best_loss, self.stale = facts["counts"]

    def _networks(self) -> dict[str, Denoiser]:
        return {"network": self.network, "average": self.average, "best": self.best}

    def _tensors(self) -> dict[str, Tensor]:
        found = {
            f"{name}.{key}": value
            for name, network in self._networks().items()
            for key, value in network.state_dict().items()
        }
        for number, moments in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{number}.{what}": value for what, value in moments.items()}
        found["generator"] = self.generator.get_state()
        return {key: value.detach().cpu().contiguous() for key, value in found.items()}


def name_run(clean: Tensor, **settings: object) -> str:
    """Return a hash of the samples, the settings, and what else decides on the last bits."""
    told = {**settings, "device": clean.device.type}
    told["versions"] = [version(name) for name in ("driftgauge", "torch")]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    digest.update(str(tuple(clean.shape)).encode())
    for start in range(0, len(clean), CHUNK):
        digest.update(clean[start : start + CHUNK].cpu().numpy().tobytes())
    return digest.hexdigest()


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].numpy().tobytes())
    return digest.hexdigest()


def _part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
