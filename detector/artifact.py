"""A detector on disk: one safetensors file and one JSON manifest, no pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .calibration import Calibration, Joining
from .detector import Detector
from .errors import ArtifactCorrupt, ArtifactMismatch, ArtifactTooNew
from .faults.saving import PREFIX, fault_notes, fault_tensors, load_faults
from .identity import ModelIdentity
from .methods import empty_method
from .moment import layers_of
from .normaliser import Normaliser
from .preset import Preset

FORMAT = 4
FOR_PEOPLE = frozenset({"detector", "figures", "notes", "versions"})
"""What the manifest holds beside what scoring reads; a detector's name does not depend on it."""
_FORMAT_2 = 2
_BOUND_IN_FORMAT_2 = ("identity", "preset", "layers", "groups")
RANKED = ("scores", "sums", "combined", "weights")
"""Arrays of a calibration."""
MAX_CHANNELS = 1_000_000
_DAMAGE = (
    *(SafetensorError, OSError, RecursionError, MemoryError),
    *(AttributeError, KeyError, OverflowError, RuntimeError, TypeError, ValueError),
)
"""What reading a damaged or hostile artifact can raise."""
TENSORS = "detector.safetensors"
MANIFEST = "manifest.json"


def save_detector(
    detector: Detector,
    folder: Path,
    identity: ModelIdentity,
    notes: Mapping[str, object],
    beside: Mapping[str, bytes] | None = None,
) -> str:
    """Write *detector* below *folder* and return its name, a hash of its content.

    Args:
        detector: fitted.
        folder: gets a sub-folder with the detector's name; an equal one is left as it is.
        identity: the model that it belongs to.
        notes: JSON-ready facts for people, such as the coverage of the reference.
        beside: files for the same folder, by name; scoring reads none, and the name depends on none.
    """
    tensors = _tensors(detector)
    manifest = _manifest(detector, identity, notes)
    name = _digest(manifest, tensors)
    manifest["detector"] = name
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
    save_file(tensors, draft / TENSORS)
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for file, content in (beside or {}).items():
        (draft / file).write_bytes(content)
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
                f"detector {folder.name} was fitted for a different configuration: "
                + "; ".join(differences)
            )
    try:
        tensors = load_file(folder / TENSORS)
        if _digest(manifest, tensors) != manifest["detector"]:
            raise ValueError("its content does not match its hash: a file was changed or damaged")
        return _rebuild(manifest, tensors)
    except _DAMAGE as error:
        raise ArtifactCorrupt(f"cannot load detector {folder}: {error}") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of the detector in *folder*, its format checked.

    Detectors of formats 2 and 3, of versions before, keep their names and are read as they are: their
    taps hold means only, which are still pooled in the same way. Those without ``faults``, of versions
    before or fitted without pictures, name none.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        written = int(manifest["format"])
        ModelIdentity(**manifest["identity"])
    except _DAMAGE as error:
        raise ArtifactCorrupt(f"cannot read the manifest in {folder}: {error}") from error
    if written > FORMAT:
        raise ArtifactTooNew(f"{folder} has format {written}; this driftgauge reads {FORMAT}")
    if written < _FORMAT_2:
        raise ArtifactMismatch(
            f"{folder} has format {written} of an older driftgauge; this one reads {FORMAT}, so "
            "fit the detector again"
        )
    return dict(manifest)


def _manifest(
    detector: Detector, identity: ModelIdentity, notes: Mapping[str, object]
) -> dict[str, Any]:
    predicted = {"classes": list(detector.classes)} if detector.classes else {}
    faults = fault_notes(detector.faults)
    return {
        "format": FORMAT,
        **predicted,
        **({} if faults is None else {"faults": faults}),
        "identity": {
            "weights": identity.weights,
            "preprocessing": identity.preprocessing,
            "precision": identity.precision,
        },
        "layers": [{"name": k, "channels": c} for k, c in detector.normaliser.channels.items()],
        "preset": asdict(detector.preset),
        "reference": [
            {"segment": name, "windows": len(counts), "events": int(counts[:, -1].sum())}
            for name, counts in detector.reference.items()
        ],
        "groups": list(detector.groups),
        "figures": dict(detector.figures),
        "notes": dict(notes),
        "versions": {name: version(name) for name in ("driftgauge", "torch", "numpy")},
    }


def _digest(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of all that scoring reads: any field but those `FOR_PEOPLE`."""
    bound = {key: value for key, value in manifest.items() if key not in FOR_PEOPLE}
    if manifest["format"] == _FORMAT_2:
        bound = {key: manifest[key] for key in _BOUND_IN_FORMAT_2}
    digest = hashlib.sha256(json.dumps(bound, sort_keys=True).encode())
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].numpy().tobytes())
    return digest.hexdigest()[:12]


def _tensors(detector: Detector) -> dict[str, Tensor]:
    tensors = {f"method.{k}": v for k, v in detector.method.state_dict().items()}
    tensors |= {f"normaliser.{k}": v for k, v in detector.normaliser.state_dict().items()}
    for name in RANKED:
        tensors[f"calibration.{name}"] = torch.from_numpy(getattr(detector.calibration, name))
    for number, group in enumerate(detector.groups.values()):
        for name in RANKED:
            tensors[f"group.{number}.{name}"] = torch.from_numpy(getattr(group, name))
    for number, (name, counts) in enumerate(detector.reference.items()):
        tensors[f"reference.{number}"] = torch.from_numpy(counts)
        if name in detector.labels:
            tensors[f"labels.{number}"] = torch.from_numpy(detector.labels[name])
    tensors |= fault_tensors(detector.faults)
    return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}


def _rebuild(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Detector:
    channels = {layer["name"]: int(layer["channels"]) for layer in manifest["layers"]}
    if sum(channels.values()) > MAX_CHANNELS or min(channels.values()) < 1:
        raise ValueError(f"got layers of {list(channels.values())} channels")
    before = {"joining": "largest"} if manifest["format"] < FORMAT else {}
    preset = Preset(**before | manifest["preset"])
    n_layers = len(layers_of(channels))
    normaliser = Normaliser(channels, preset.normaliser)
    normaliser.load_state_dict(_part(tensors, "normaliser."))
    state = _part(tensors, "method.")
    with torch.device("meta"):  # the shapes alone: a manifest must not make us allocate
        expected = empty_method(preset, normaliser.widths, state).state_dict()
    if {k: v.shape for k, v in expected.items()} != {k: v.shape for k, v in state.items()}:
        raise ValueError("the manifest and the tensors disagree on the shape of the networks")
    method = empty_method(preset, normaliser.widths, state)
    method.load_state_dict(state)
    calibration = _calibration(tensors, "calibration.", n_layers=n_layers, joining=preset.joining)
    groups = {
        name: _calibration(tensors, f"group.{number}.", n_layers=n_layers, joining=preset.joining)
        for number, name in enumerate(list(manifest["groups"]))
    }
    reference = {
        name: tensors[f"reference.{number}"].numpy()
        for number, name in enumerate(_segments(manifest))
    }
    if len(_part(tensors, "reference.")) != len(reference):
        raise ValueError("the manifest and the tensors disagree on the reference's segments")
    _check_reference(reference, n_layers=n_layers)
    labels = {
        name: tensors[f"labels.{number}"].numpy()
        for number, name in enumerate(reference)
        if f"labels.{number}" in tensors
    }
    _check_labels(labels, reference)
    return Detector(
        normaliser=normaliser,
        method=method,
        calibration=calibration,
        preset=preset,
        reference=reference,
        groups=groups,
        figures=dict(manifest["figures"]),
        classes=tuple(str(name) for name in manifest.get("classes", ())),
        labels=labels,
        faults=load_faults(manifest.get("faults"), _part(tensors, PREFIX)),
    )


def _segments(manifest: Mapping[str, Any]) -> list[str]:
    """Return the reference's segments in the order of their tensors."""
    if manifest["format"] == _FORMAT_2:
        return list(dict(manifest["reference"]))
    return [str(one["segment"]) for one in manifest["reference"]]


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    part = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not all(bool(torch.isfinite(value).all()) for value in part.values()):
        raise ValueError(f"{prefix}* holds NaN or infinity")
    return part


def _calibration(
    tensors: Mapping[str, Tensor], prefix: str, *, n_layers: int, joining: Joining
) -> Calibration:
    arrays = {key: value.numpy() for key, value in _part(tensors, prefix).items()}
    weights = arrays.pop("weights", np.ones(n_layers))  # formats before 4 have none
    if weights.shape != (n_layers,) or (weights < 0).any():
        raise ValueError(
            f"{prefix}weights has shape {weights.shape}, wanted ({n_layers},), positive"
        )
    calibration = Calibration(**arrays, weights=weights, joining=joining)
    shape = calibration.scores.shape
    if len(shape) != 2 or shape[1] != n_layers + 1 or calibration.sums.shape != shape[:1]:  # noqa: PLR2004 - (n, layers + 1)
        raise ValueError(f"{prefix}scores has shape {shape}, wanted (n, {n_layers} + 1)")
    for name, values in arrays.items():
        if not values.size or (np.diff(values, axis=0) < 0).any():
            raise ValueError(f"{prefix}{name} is empty or not sorted")
    return calibration


def _check_reference(reference: Mapping[str, np.ndarray[Any, Any]], *, n_layers: int) -> None:
    for name, counts in reference.items():
        if counts.ndim != 3 or counts.shape[1] != n_layers + 1 or (counts < 0).any():  # noqa: PLR2004 - (windows, layers + 1, bins)
            raise ValueError(f"the reference of segment {name!r} is not counts of {n_layers} + 1")


def _check_labels(
    labels: Mapping[str, np.ndarray[Any, Any]], reference: Mapping[str, np.ndarray[Any, Any]]
) -> None:
    for name, counts in labels.items():
        windows, _, bins = reference[name].shape
        if counts.ndim != 3 or counts.shape[::2] != (windows, bins) or (counts < 0).any():  # noqa: PLR2004 - (windows, rows, bins)
            raise ValueError(
                f"the predictions of segment {name!r} are not counts of {windows} windows"
            )
