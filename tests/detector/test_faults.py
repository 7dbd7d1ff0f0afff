from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.detector import (
    FAULTS,
    FROZEN,
    PIXELS,
    STATISTICS,
    FaultNames,
    ModelIdentity,
    Traits,
    damage_image,
    load_detector,
    name_faults,
    read_manifest,
    save_detector,
)
from driftgauge.detector.cells import N_CELLS
from driftgauge.detector.faults.learning import learn_faults
from driftgauge.detector.faults.saving import PREFIX, fault_notes, fault_tensors, load_faults

from .fault_samples import book, damaged, pictures, traits
from .models import fit_quickly

IDENTITY = ModelIdentity(weights="a" * 64, preprocessing="resize 160")


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_changes_the_picture_and_repeats_on_its_seed(kind: str) -> None:
    image = pictures(0, 1)[0][:90]
    before = image.copy()
    changed = damage_image(image, kind, seed=3)
    assert changed.dtype == np.uint8
    assert (changed.shape != image.shape) or (changed != image).mean() > 0.02
    assert np.array_equal(changed, damage_image(image, kind, seed=3))
    assert np.array_equal(image, before)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_picture_of_one_pixel_survives_every_fault(kind: str) -> None:
    assert damage_image(np.zeros((1, 1, 3), np.uint8), kind, seed=0).shape[2] == 3


def test_most_faults_of_pictures_that_were_not_learnt_from_are_named_rightly() -> None:
    others = pictures(1, 10)
    normal = traits(others)
    right = []
    for kind in FAULTS:
        unusual = damaged(others, kind, seed=900)
        for n in range(len(others)):
            row = np.array([n])
            names = book().names(unusual.taken(row), normal.taken(row))
            right.append(bool(names.shares) and names.shares[0][0] == kind)
    assert np.mean(right) > 0.65  # 13 kinds: chance is 0.08


def test_shares_are_no_promise_that_is_not_kept() -> None:
    """What is told with a share of 0.8 or more is right in most cases."""
    others = pictures(2, 10)
    normal, told = traits(others), []
    for kind in FAULTS:
        unusual = damaged(others, kind, seed=500)
        for n in range(len(others)):
            row = np.array([n])
            names = book().names(unusual.taken(row), normal.taken(row))
            if names.claimed and names.shares[0][1] >= 0.8:
                told.append(names.claimed == (kind,))
    assert len(told) > 30
    assert np.mean(told) > 0.75


def test_normal_pictures_are_like_no_fault() -> None:
    normal = traits(pictures(1, 10))
    for n in range(10):
        same = normal.taken(np.array([n]))
        assert book().names(same, same).claimed == ()


def test_what_is_far_from_every_fault_is_unlike_any() -> None:
    normal = traits(pictures(1, 4))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(STATISTICS))
    far = replace(normal, pixels=normal.pixels + 30 * signs)
    names = book().names(far, normal)
    assert names.is_unlike
    assert str(names) == "unlike any known fault"


def test_a_frozen_picture_is_one_picture_again_and_again() -> None:
    normal = traits(pictures(1, 8))
    one = normal.taken(np.zeros(6, np.int64))
    assert book().names(one, normal).claimed == (FROZEN,)
    assert book().names(one, one).claimed == ()
    still = replace(book(), alike=0.5)
    assert FROZEN not in still.names(one, normal).claimed


def test_where_on_the_picture_a_fault_lies_makes_no_difference() -> None:
    """Naming looks at how the cells changed, in order of size, and not at which of them did."""
    others = pictures(1, 4)
    for kind in ("dirt", "water drops", "covered"):
        unusual, normal = damaged(others, kind, seed=900), traits(others)
        turned = [replace(one, cells=elsewhere(one.cells)) for one in (unusual, normal)]
        assert str(book().names(*turned)) == str(book().names(unusual, normal))
        assert np.allclose(shares(*turned), shares(unusual, normal))


def elsewhere(cells: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the numbers of pictures whose cells lie in another order."""
    assert cells is not None
    order = np.random.default_rng(4).permutation(N_CELLS)
    return np.concatenate([cells[:, :N_CELLS][:, order], cells[:, N_CELLS:][:, order]], axis=1)


def shares(unusual: Traits, normal: Traits) -> list[float]:
    return [share for _, share in book().names(unusual, normal).shares]


def test_what_lies_on_the_lens_is_named_better_place_by_place() -> None:
    others = pictures(3, 10)
    normal, right = traits(others), {"cells": 0, "whole": 0}
    for kind in ("dirt", "water drops", "camera turned", "unknown content"):
        unusual = damaged(others, kind, seed=700)
        for n in range(len(others)):
            one, beside = unusual.taken(np.array([n])), normal.taken(np.array([n]))
            right["cells"] += book().names(one, beside).shares[0][0] == kind
            right["whole"] += book().names(one.without_cells(), beside).shares[0][0] == kind
    assert right["cells"] > right["whole"]


def test_pictures_whose_cells_are_not_known_are_named_by_what_was_learnt_without_them() -> None:
    others = pictures(1, 4)
    unusual, normal = damaged(others, "darkness", seed=900), traits(others)
    bare = book().bare
    assert bare is not None
    wanted = bare.names(unusual.without_cells(), normal.without_cells())
    assert wanted.claimed == ("darkness",)
    for one, beside in (
        (unusual.without_cells(), normal),
        (unusual, normal.without_cells()),
        (unusual.without_cells(), normal.without_cells()),
    ):
        assert book().names(one, beside) == wanted
    assert bare.names(unusual, normal) == wanted  # a detector of a version before, and new pictures


def test_without_normal_pictures_a_change_is_measured_from_the_nearest_group() -> None:
    image = pictures(1, 1)
    dark = traits([(image[0] * 0.3).astype(np.uint8)])
    assert "darkness" in dict(book().names(dark).shares[:3])


def test_too_few_pictures_teach_nothing() -> None:
    few = traits(pictures(0, 15))
    assert learn_faults(few, {"haze": few}, [""] * 15) is None


def test_a_detector_keeps_what_it_learnt_of_faults(tmp_path: Path) -> None:
    fitted = replace(fit_quickly(), faults=book())
    name = save_detector(fitted, tmp_path, IDENTITY, {})
    loaded = load_detector(tmp_path / name, IDENTITY)
    assert loaded.faults is not None
    dark, normal = damaged(pictures(1, 3), "darkness", seed=1), traits(pictures(1, 3))
    for one in (dark, dark.without_cells()):
        assert str(loaded.faults.names(one, normal)) == str(book().names(one, normal))
    assert save_detector(loaded, tmp_path / "again", IDENTITY, {}) == name


def test_a_detector_that_learnt_before_cells_were_looked_at_is_saved_and_read_as_it_was(
    tmp_path: Path,
) -> None:
    fitted = replace(fit_quickly(), faults=book().bare)
    name = save_detector(fitted, tmp_path, IDENTITY, {})
    assert "cells" not in read_manifest(tmp_path / name)["faults"]
    loaded = load_detector(tmp_path / name, IDENTITY)
    assert loaded.faults is not None
    assert (loaded.faults.n_cells, loaded.faults.bare) == (0, None)


@pytest.mark.parametrize(("key", "value"), [("cells", 31), ("cells", 64), ("bare", None)])
def test_what_was_learnt_of_cells_and_does_not_fit_is_refused(key: str, value: object) -> None:
    notes = dict(fault_notes(book()) or {}) | {key: value}
    tensors = {name.removeprefix(PREFIX): t for name, t in fault_tensors(book()).items()}
    with pytest.raises(ValueError, match="faults"):
        load_faults(notes, tensors)


def test_a_detector_that_learnt_none_says_why_nothing_is_named() -> None:
    detector = fit_quickly()
    assert PIXELS not in detector.taps
    names = name_faults(detector, traits(pictures(0, 1)))
    assert str(names).startswith("fault not named: the detector does not score the pictures' own")


@pytest.mark.parametrize(
    ("shares", "claimed"),
    [
        ((("haze", 0.9), ("dirt", 0.1)), ("haze",)),
        ((("haze", 0.5), ("dirt", 0.3)), ("haze", "dirt")),
        ((("haze", 0.35), ("dirt", 0.2)), ()),
        ((), ()),
    ],
)
def test_a_fault_is_claimed_only_where_it_is_separated(
    shares: tuple[tuple[str, float], ...], claimed: tuple[str, ...]
) -> None:
    assert FaultNames(shares).claimed == claimed
    assert FaultNames(shares, is_unlike=True).claimed == ()
