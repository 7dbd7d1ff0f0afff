from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from driftgauge.detector import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactMismatch,
    ArtifactTooNew,
    ModelIdentity,
    artifact,
    hash_weights,
    load_detector,
    read_manifest,
    save_detector,
    score_all,
)

from .models import fit_quickly, normal_taps, small_cnn, uniforms

BOUND = {"format", "groups", "identity", "layers", "preset", "reference"}
IDENTITY = ModelIdentity(weights="a" * 64, preprocessing="resize 160")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detectors")
    return folder / save_detector(fit_quickly(), folder, IDENTITY, {"span": "one day"})


def copy_of(saved: Path, tmp_path: Path) -> Path:
    folder = tmp_path / saved.name
    folder.mkdir()
    for file in saved.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_save_then_load_gives_equal_bits(saved: Path) -> None:
    fitted, loaded = fit_quickly(), load_detector(saved, IDENTITY)
    taps = normal_taps(30, seed=6)
    assert torch.equal(fitted.score(taps), loaded.score(taps))
    scores = score_all(loaded, taps)
    assert (
        fitted.p_values(scores, uniforms(30))[1] == loaded.p_values(scores, uniforms(30))[1]
    ).all()
    for segment, counts in fitted.reference.items():
        assert (loaded.reference[segment] == counts).all()


def test_saving_the_same_detector_twice_gives_one_artifact(saved: Path) -> None:
    assert save_detector(load_detector(saved), saved.parent, IDENTITY, {}) == saved.name
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_the_manifest_says_what_it_is(saved: Path) -> None:
    manifest = read_manifest(saved)
    assert manifest["detector"] == saved.name
    assert manifest["notes"] == {"span": "one day"}
    segments = {one["segment"]: one["events"] for one in manifest["reference"]}
    assert segments["camera=0"] > 100


def test_another_model_is_refused_with_what_differs(saved: Path) -> None:
    other = ModelIdentity(weights="b" * 64, preprocessing="resize 160")
    with pytest.raises(ArtifactMismatch, match=r"weights: a+ != b+$"):
        load_detector(saved, other)


def test_cameras_that_were_swapped_in_the_manifest_are_refused(saved: Path, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    text = (folder / "manifest.json").read_text()
    swapped = (
        text.replace("camera=0", "x").replace("camera=1", "camera=0").replace('"x"', '"camera=1"')
    )
    assert swapped != text
    (folder / "manifest.json").write_text(swapped)
    with pytest.raises(ArtifactCorrupt, match="a file was changed or damaged"):
        load_detector(folder)


@pytest.mark.parametrize("field", sorted(BOUND))
def test_whatever_scoring_reads_of_the_manifest_is_bound_to_the_detectors_name(
    field: str, saved: Path
) -> None:
    manifest, tensors = read_manifest(saved), load_file(saved / "detector.safetensors")
    assert set(manifest) - BOUND == {"detector", "figures", "notes", "versions"}
    assert artifact._digest(manifest, tensors) == saved.name
    changed = manifest | {field: [manifest[field], "changed"]}
    assert artifact._digest(changed, tensors) != saved.name


@pytest.mark.parametrize("written", [2, 3])
def test_a_detector_of_a_version_before_is_still_loaded_and_scores_the_same_bits(
    written: int, saved: Path, tmp_path: Path
) -> None:
    folder = copy_of(saved, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text()) | {"format": written}
    tensors = load_file(folder / "detector.safetensors")
    tensors = {name: one for name, one in tensors.items() if not name.endswith(".weights")}
    save_file(tensors, folder / "detector.safetensors")
    bound = BOUND
    if written == 2:
        manifest["reference"] = {one.pop("segment"): one for one in manifest["reference"]}
        bound = {"identity", "preset", "layers", "groups"}
    told = json.dumps({key: manifest[key] for key in bound}, sort_keys=True)
    digest = hashlib.sha256(told.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    manifest["detector"] = digest.hexdigest()[:12]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    old, new = load_detector(folder, IDENTITY), load_detector(saved, IDENTITY)
    assert list(old.reference) == list(new.reference)
    scores = old.score(normal_taps(9, seed=6))
    assert torch.equal(scores, new.score(normal_taps(9, seed=6)))
    ranked = [one.p_values(scores.double().numpy(), uniforms(9)) for one in (old, new)]
    assert np.array_equal(ranked[0][1], ranked[1][1])


def test_a_future_format_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ArtifactTooNew, match="format 99; this driftgauge reads 4"):
        load_detector(folder)


def test_a_missing_folder_is_a_corrupt_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactCorrupt, match="cannot read the manifest"):
        load_detector(tmp_path / "nothing")


@pytest.mark.parametrize("file", ["detector.safetensors", "manifest.json"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_files_are_refused(saved: Path, tmp_path: Path, file: str, share: float) -> None:
    folder = copy_of(saved, tmp_path)
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ArtifactCorrupt):
        load_detector(folder)


def test_mangled_manifests_are_refused_and_never_crash(saved: Path, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    whole = json.loads((folder / "manifest.json").read_text())
    for key in ("format", "identity", "layers", "preset", "reference", "figures"):
        for bad in (None, "text", 1.5):
            if (key, bad) == ("format", 1.5):
                continue  # reads as format 1
            (folder / "manifest.json").write_text(json.dumps(whole | {key: bad}))
            with pytest.raises(ArtifactError):
                load_detector(folder)
    for key in ("identity", "layers", "preset", "reference"):
        (folder / "manifest.json").write_text(json.dumps(whole | {key: {"x": 1}}))
        with pytest.raises(ArtifactError):
            load_detector(folder)


def test_a_flipped_bit_anywhere_in_the_tensors_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    whole = bytearray((folder / "detector.safetensors").read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 60):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << int(rng.integers(0, 8))
        (folder / "detector.safetensors").write_bytes(spoilt)
        with pytest.raises(ArtifactCorrupt):
            load_detector(folder, IDENTITY)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    place=st.sampled_from(
        [
            *(("preset", key) for key in ("method", "normaliser", "width", "n_blocks", "step")),
            *(
                (key,)
                for key in ("format", "detector", "identity", "layers", "preset", "reference")
            ),
            *(("layers", 0, "name"), ("layers", 0, "channels"), ("identity", "weights")),
        ]
    ),
    value=JSON_VALUES | st.sampled_from([-1, 2**31, 2**63, 1e300, "both", "paper"]),
)
def test_no_manifest_crashes_or_allocates(
    saved: Path, place: tuple[str | int, ...], value: object
) -> None:
    """Whoever can write a manifest can recompute its name, so the name is recomputed here."""
    manifest = json.loads((saved / "manifest.json").read_text())
    *way, last = place
    inner = manifest
    for key in way:
        inner = inner[key]
    inner[last] = value
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(saved / "detector.safetensors", folder)
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            tensors = load_file(folder / "detector.safetensors")
            if last != "detector":
                manifest["detector"] = artifact._digest(manifest, tensors)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with contextlib.suppress(ArtifactError):
            load_detector(folder)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_deeply_nested_json_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    (folder / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(ArtifactCorrupt, match="cannot read the manifest"):
        load_detector(folder)


def test_a_pickle_is_never_opened(saved: Path, tmp_path: Path) -> None:
    folder, ran = copy_of(saved, tmp_path), tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (ran,))

    torch.save(Bomb(), folder / "detector.safetensors")
    with pytest.raises(ArtifactCorrupt):
        load_detector(folder)
    assert not ran.exists()


def test_the_hash_follows_the_weights() -> None:
    first, second = small_cnn(), small_cnn()
    assert hash_weights(first) == hash_weights(second)
    with torch.no_grad():
        second.get_parameter("0.0.bias")[0] += 1e-6
    assert hash_weights(first) != hash_weights(second)
