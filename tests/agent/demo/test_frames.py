"""Frames are repeatable, restless, and changed by a fault only while it lasts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.demo.faults import FAULT_KINDS, Fault, FaultKind
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import (
    CAMERAS,
    FRAME_PIXELS,
    Camera,
    folder_cameras,
    photograph_cameras,
)
from driftgauge.agent.errors import SettingsError


@pytest.fixture(scope="module")
def cameras() -> tuple[Camera, ...]:
    pytest.importorskip("skimage")
    return photograph_cameras()


def pixels(jpeg: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(jpeg)), np.float64)


def sharpness(jpeg: bytes) -> float:
    return float(np.abs(np.diff(pixels(jpeg).mean(axis=2), axis=1)).mean())


def test_five_cameras_send_frames_of_one_size(cameras: tuple[Camera, ...]) -> None:
    assert tuple(camera.name for camera in cameras) == CAMERAS
    for camera in cameras:
        assert pixels(frame(camera, 0, seed=0)).shape == (FRAME_PIXELS, FRAME_PIXELS, 3)


def test_a_frame_depends_on_camera_index_and_seed_alone(cameras: tuple[Camera, ...]) -> None:
    first = frame(cameras[0], 5, seed=1)
    frame(cameras[1], 9, seed=2)
    assert frame(photograph_cameras()[0], 5, seed=1) == first
    others = {
        frame(cameras[0], 6, seed=1),
        frame(cameras[0], 5, seed=2),
        frame(cameras[1], 5, seed=1),
    }
    assert len(others | {first}) == 4


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_shows_only_while_it_lasts(cameras: tuple[Camera, ...], kind: FaultKind) -> None:
    fault = Fault(kind, begins=10, ends=12)
    shown = [
        frame(cameras[0], index, seed=0, fault=fault) != frame(cameras[0], index, seed=0)
        for index in range(8, 14)
    ]
    assert shown == [False, False, True, True, False, False]


def test_a_frozen_picture_repeats_the_last_good_frame(cameras: tuple[Camera, ...]) -> None:
    fault = Fault("frozen", begins=10)
    frozen = {frame(cameras[2], index, seed=3, fault=fault) for index in range(10, 14)}
    assert frozen == {frame(cameras[2], 9, seed=3)}


def test_blur_softens_and_plain_blur_softens_more(cameras: tuple[Camera, ...]) -> None:
    for camera in cameras:
        normal = sharpness(frame(camera, 1, seed=0))
        mild = sharpness(frame(camera, 1, seed=0, fault=Fault("blur", "mild")))
        plain = sharpness(frame(camera, 1, seed=0, fault=Fault("blur", "plain")))
        assert plain < mild < normal


def test_light_fades_frame_by_frame_to_its_share(cameras: tuple[Camera, ...]) -> None:
    fault = Fault("fade", begins=5)
    ratios = [
        pixels(frame(cameras[1], index, seed=0, fault=fault)).mean()
        / pixels(frame(cameras[1], index, seed=0)).mean()
        for index in (4, 6, 12, 30)
    ]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] == pytest.approx(0.6 ** (1 / 2.2), abs=0.02)


def test_dirt_stays_where_it_is_and_covers_little(cameras: tuple[Camera, ...]) -> None:
    fault = Fault("dirt", "plain")
    changed = [
        np.abs(pixels(frame(cameras[4], index, seed=0, fault=fault))
               - pixels(frame(cameras[4], index, seed=0))).max(axis=2) > 25
        for index in (1, 2)
    ]  # fmt: skip
    overlap = (changed[0] & changed[1]).sum() / (changed[0] | changed[1]).sum()
    assert overlap > 0.6
    assert 0.005 < changed[0].mean() < 0.15


def test_a_folder_gives_a_camera_a_sub_folder(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    for name, shade in (("door", 40), ("gate", 200), ("gate", 90)):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", (300, 200), (shade,) * 3).save(tmp_path / name / f"{shade}.png")
    (tmp_path / "empty").mkdir()
    door, gate = folder_cameras(tmp_path)
    assert (door.name, gate.name, len(gate.pictures)) == ("door", "gate", 2)
    means = [pixels(frame(gate, index, seed=0)).mean() for index in range(3)]
    assert means == pytest.approx([200, 90, 200], rel=0.15)


def test_a_folder_without_images_is_refused_with_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    with pytest.raises(SettingsError, match="make one sub-folder per camera"):
        folder_cameras(tmp_path)


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    (tmp_path / "door").mkdir()
    (tmp_path / "door" / "x.jpg").write_text("no image")
    with pytest.raises(SettingsError, match=r"x\.jpg"):
        folder_cameras(tmp_path)
