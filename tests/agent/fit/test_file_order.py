"""Reference files come in the order of time, whatever says it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.fit.file_order import FileOrder, parse_exif_time
from driftgauge.agent.fit.folder import list_images, read_images
from tests.agent.records import jpeg


def names(folder: Path, order: FileOrder = FileOrder.NAME) -> list[str]:
    return [file.path.name for file in list_images(folder, header="camera", order=order)]


def photograph(path: Path, taken: str | None, zone: str | None = None) -> None:
    exif = Image.Exif()
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    if zone is not None:
        exif.get_ifd(0x8769)[0x9011] = zone
    Image.new("RGB", (8, 8)).save(path, exif=exif)


def test_frame_2_comes_before_frame_10_in_every_folder(tmp_path: Path) -> None:
    for camera in ("cam 10", "cam 9"):
        (tmp_path / camera).mkdir()
        for number in range(1, 31):
            (tmp_path / camera / f"frame_{number}.jpg").write_bytes(jpeg(9))
    files = list_images(tmp_path, header="camera")
    for camera in ("cam 10", "cam 9"):
        own = [file for file in files if file.segments == (f"camera={camera}",)]
        assert [file.path.name for file in own] == [f"frame_{n}.jpg" for n in range(1, 31)]
        assert [file.number for file in own] == list(range(30))
    assert [file.path.parent.name for file in files[:2]] == ["cam 9", "cam 10"]


def test_names_without_numbers_and_of_other_scripts_have_an_order(tmp_path: Path) -> None:
    for name in ("b", "a", "9", "\uff11\uff10", "2b", "2a", "-1"):
        (tmp_path / f"{name}.jpg").write_bytes(jpeg(9))
    assert names(tmp_path) == [
        f"{n}.jpg" for n in ("2a", "2b", "9", "\uff11\uff10", "-1", "a", "b")
    ]


def test_exif_time_orders_and_dates_the_pictures(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", "2026:05:04 12:00:02")
    photograph(tmp_path / "b.jpg", "2026:05:04 13:00:01", "+01:00")
    photograph(tmp_path / "c.jpg", "2026:05:04 12:00:00")
    files = list_images(tmp_path, header=None, order=FileOrder.EXIF)
    assert [file.path.name for file in files] == ["c.jpg", "b.jpg", "a.jpg"]
    examples = list(read_images(files, DecodeSettings()))
    assert [example.taken_at for example in examples] == [
        datetime(2026, 5, 4, 12, 0, second, tzinfo=UTC) for second in (0, 1, 2)
    ]


def test_a_picture_without_a_time_in_its_exif_is_named(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", "2026:05:04 12:00:02")
    photograph(tmp_path / "b.jpg", None)
    photograph(tmp_path / "c.jpg", "0000:00:00 00:00:00")
    with pytest.raises(SettingsError, match=r"2 of 3 images have no time .* such as .*b\.jpg"):
        list_images(tmp_path, header=None, order=FileOrder.EXIF)


@pytest.mark.parametrize("text", [None, "", "yesterday", b"2026", "2026:13:04 12:30:00"])
def test_what_is_no_exif_time_gives_none(text: object) -> None:
    assert parse_exif_time(text) is None


def test_the_time_of_change_orders_and_dates_the_pictures(tmp_path: Path) -> None:
    for name, seconds in (("a", 30), ("b", 10), ("c", 20)):
        (tmp_path / f"{name}.jpg").write_bytes(jpeg(9))
        os.utime(tmp_path / f"{name}.jpg", (seconds, seconds))
    files = list_images(tmp_path, header=None, order=FileOrder.MTIME)
    assert [file.path.name for file in files] == ["b.jpg", "c.jpg", "a.jpg"]
    assert files[0].taken_at == datetime.fromtimestamp(10, UTC)
