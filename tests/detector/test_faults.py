from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

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
    save_detector,
)
from driftgauge.detector.faults.learning import learn_faults

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
            one = Traits(unusual.pixels[[n]], unusual.p_values[[n]])
            beside = Traits(normal.pixels[[n]], normal.p_values[[n]])
            names = book().names(one, beside)
            right.append(bool(names.shares) and names.shares[0][0] == kind)
    assert np.mean(right) > 0.65  # 13 kinds: chance is 0.08


def test_shares_are_no_promise_that_is_not_kept() -> None:
    """What is told with a share of 0.8 or more is right in most cases."""
    others = pictures(2, 10)
    normal, told = traits(others), []
    for kind in FAULTS:
        unusual = damaged(others, kind, seed=500)
        for n in range(len(others)):
            names = book().names(
                Traits(unusual.pixels[[n]], unusual.p_values[[n]]),
                Traits(normal.pixels[[n]], normal.p_values[[n]]),
            )
            if names.claimed and names.shares[0][1] >= 0.8:
                told.append(names.claimed == (kind,))
    assert len(told) > 30
    assert np.mean(told) > 0.75


def test_normal_pictures_are_like_no_fault() -> None:
    normal = traits(pictures(1, 10))
    for n in range(10):
        same = Traits(normal.pixels[[n]], normal.p_values[[n]])
        assert book().names(same, same).claimed == ()


def test_what_is_far_from_every_fault_is_unlike_any() -> None:
    normal = traits(pictures(1, 4))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(STATISTICS))
    far = Traits(normal.pixels + 30 * signs, normal.p_values)
    names = book().names(far, normal)
    assert names.is_unlike
    assert str(names) == "unlike any known fault"


def test_a_frozen_picture_is_one_picture_again_and_again() -> None:
    normal = traits(pictures(1, 8))
    one = Traits(np.repeat(normal.pixels[:1], 6, axis=0), np.repeat(normal.p_values[:1], 6, axis=0))
    assert book().names(one, normal).claimed == (FROZEN,)
    assert book().names(one, one).claimed == ()
    still = replace(book(), alike=0.5)
    assert still.names(one, normal).claimed == ()


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
    assert str(loaded.faults.names(dark, normal)) == str(book().names(dark, normal))
    assert save_detector(loaded, tmp_path / "again", IDENTITY, {}) == name


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
