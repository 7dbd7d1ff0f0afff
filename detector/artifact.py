"""A detector on disk: one safetensors file and one JSON manifest, no pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .calibration import Calibration
from .denoiser import Denoiser
from .detector import Detector, Preset
from .errors import ArtifactCorrupt, ArtifactMismatch, ArtifactTooNew
from .identity import ModelIdentity
from .normaliser import DatasetNormaliser

FORMAT = 1
TENSORS = "detector.safetensors"
MANIFEST = "manifest.json"


def save_detector(
    detector: Detector, folder: Path, identity: ModelIdentity, notes: Mapping[str, object]
) -> str:
    """Write *detector* below *folder* and return its name, a hash of its content.

    Args:
        detector: fitted.
        folder: gets a sub-folder with the detector's name; an equal one is left as it is.
        identity: the model that it belongs to.
        notes: JSON-ready facts for people, such as the coverage of the reference.
    """
    tensors = _tensors(detector)
    manifest = _manifest(detector, identity, notes)
    digest = hashlib.sha256(json.dumps(manifest["identity"], sort_keys=True).encode())
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].numpy().tobytes())
    name = digest.hexdigest()[:12]
    manifest["detector"] = name
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
    save_file(tensors, draft / TENSORS)
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    draft.chmod(0o755)
    try:
        os.replace(draft, folder / name)  # noqa: PTH105 - one atomic step, or none
    except OSError:
        shutil.rmtree(draft)
        if not (folder / name / MANIFEST).exists():
            raise
    return name


def load_detector(folder: Path, identity: ModelIdentity | None = None) -> Detector:
    """Load a detector, refusing one that was made for something else.

    Args:
        folder: the detector's own folder, as `save_detector` named it.
        identity: the model about to be scored; None skips the check.

    Raises:
        ArtifactCorrupt: a file is missing, truncated or inconsistent.
        ArtifactTooNew: a newer format.
        ArtifactMismatch: another model, preprocessing or precision; the message says which.
    """
    manifest = read_manifest(folder)
    if identity is not None:
        fitted = ModelIdentity(**manifest["identity"])
        differences = fitted.differences(identity)
        if differences:
            raise ArtifactMismatch(
                f"detector {folder.name} was fitted for another set-up: " + "; ".join(differences)
            )
    try:
        return _rebuild(manifest, load_file(folder / TENSORS))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactCorrupt(f"cannot load detector {folder}: {error}") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of the detector in *folder*, its format checked."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        written = int(manifest["format"])
        ModelIdentity(**manifest["identity"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactCorrupt(f"cannot read the manifest in {folder}: {error}") from error
    if written > FORMAT:
        raise ArtifactTooNew(f"{folder} has format {written}; this driftgauge reads up to {FORMAT}")
    return dict(manifest)


def _manifest(
    detector: Detector, identity: ModelIdentity, notes: Mapping[str, object]
) -> dict[str, Any]:
    preset = detector.preset
    return {
        "format": FORMAT,
        "identity": {
            "weights": identity.weights,
            "preprocessing": identity.preprocessing,
            "precision": identity.precision,
        },
        "normaliser": "dataset",
        "layers": [{"name": k, "channels": c} for k, c in detector.normaliser.channels.items()],
        "preset": {"width": preset.width, "n_blocks": preset.n_blocks, "step": preset.step},
        "reference": {
            name: {"windows": len(counts), "events": int(counts[:, -1].sum())}
            for name, counts in detector.reference.items()
        },
        "figures": dict(detector.figures),
        "notes": dict(notes),
        "versions": {name: version(name) for name in ("driftgauge", "torch", "numpy")},
    }


def _tensors(detector: Detector) -> dict[str, Tensor]:
    tensors = {f"denoiser.{k}": v for k, v in detector.denoiser.state_dict().items()}
    tensors |= {f"normaliser.{k}": v for k, v in detector.normaliser.state_dict().items()}
    tensors["calibration.layers"] = torch.from_numpy(detector.calibration.layer_scores)
    tensors["calibration.combined"] = torch.from_numpy(detector.calibration.combined)
    for number, counts in enumerate(detector.reference.values()):
        tensors[f"reference.{number}"] = torch.from_numpy(counts)
    return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}


def _rebuild(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Detector:
    channels = {layer["name"]: int(layer["channels"]) for layer in manifest["layers"]}
    preset = Preset(**{key: int(value) for key, value in dict(manifest["preset"]).items()})
    normaliser = DatasetNormaliser(channels)
    normaliser.load_state_dict(_part(tensors, "normaliser."))
    denoiser = Denoiser(sum(channels.values()), width=preset.width, n_blocks=preset.n_blocks)
    denoiser.load_state_dict(_part(tensors, "denoiser."))
    layer_scores = tensors["calibration.layers"].numpy()
    combined = tensors["calibration.combined"].numpy()
    reference = {
        name: tensors[f"reference.{number}"].numpy()
        for number, name in enumerate(dict(manifest["reference"]))
    }
    if len(_part(tensors, "reference.")) != len(reference):
        raise ValueError("the manifest and the tensors disagree on the reference's segments")
    _check(layer_scores, combined, reference, n_layers=len(channels))
    return Detector(
        normaliser=normaliser,
        denoiser=denoiser.eval().requires_grad_(requires_grad=False),
        calibration=Calibration(layer_scores=layer_scores, combined=combined),
        preset=preset,
        reference=reference,
        figures=dict(manifest["figures"]),
    )


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    part = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not all(bool(torch.isfinite(value).all()) for value in part.values()):
        raise ValueError(f"{prefix}* holds NaN or infinity")
    return part


def _check(
    layer_scores: np.ndarray[Any, Any],
    combined: np.ndarray[Any, Any],
    reference: Mapping[str, np.ndarray[Any, Any]],
    *,
    n_layers: int,
) -> None:
    if layer_scores.ndim != 2 or layer_scores.shape[1] != n_layers:  # noqa: PLR2004 - (n, layers)
        raise ValueError(f"calibration has shape {layer_scores.shape}, wanted (n, {n_layers})")
    for name, scores in (("layers", layer_scores), ("combined", combined)):
        if not np.isfinite(scores).all() or (np.diff(scores, axis=0) < 0).any():
            raise ValueError(f"calibration.{name} is not finite and sorted")
    for name, counts in reference.items():
        if counts.ndim != 3 or counts.shape[1] != n_layers + 1 or (counts < 0).any():  # noqa: PLR2004
            raise ValueError(f"the reference of segment {name!r} is not counts of {n_layers} + 1")
