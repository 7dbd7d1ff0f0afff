from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.fit.coverage import measure_coverage
from driftgauge.agent.fit.example import Example
from driftgauge.agent.fit.folder import list_images, read_images
from driftgauge.agent.fit.gather import Reference, gather_reference
from driftgauge.agent.fit.tap_store import TapStore, open_until_done
from driftgauge.agent.model.reader import ReadLayers
from driftgauge.detector import ReferenceTooSmall

START = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)


def picture(grey: int) -> NDArray[np.uint8]:
    return np.full((8, 8, 3), grey, dtype=np.uint8)


def jpeg(grey: int) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(picture(grey)).save(sink, "JPEG")
    return sink.getvalue()


class BrightnessReader:
    """Reads a picture's grey as its only tap, so that the order can be seen."""

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image

    def read(self, images: Sequence[NDArray[np.uint8]]) -> ReadLayers:
        return ReadLayers({"grey": torch.tensor([[float(image.mean())] for image in images])})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TapStore]:
    opened = TapStore(tmp_path / "taps")
    yield opened
    opened.close()


def gather(examples: list[Example], store: TapStore, seen: list[int] | None = None) -> Reference:
    return gather_reference(
        iter(examples),
        BrightnessReader(),  # type: ignore[arg-type]  # reads like the model's
        store,
        batch=4,
        window_seconds=60,
        on_images=(seen if seen is not None else []).append,
    )


def test_taps_come_in_the_order_of_time_whatever_the_order_of_arrival(store: TapStore) -> None:
    examples = [
        Example(picture(k), (f"camera={k % 2}",), START + timedelta(seconds=20 * k))
        for k in range(10)
    ]
    seen: list[int] = []
    reference = gather(examples[::-1], store, seen)
    assert reference.taps["grey"].flatten()[reference.rows].tolist() == list(range(10))
    assert np.diff(reference.window_ids).min() >= 0
    assert len(set(reference.window_ids.tolist())) == 4
    assert reference.segments[1] == ("camera=1",)
    assert seen == [4, 4, 2]


def test_kept_pictures_are_those_of_their_rows(store: TapStore) -> None:
    examples = [
        Example(picture(k), ("camera=1",), START + timedelta(seconds=20 * k)) for k in range(30)
    ]
    reference = gather_reference(
        iter(examples[::-1]),
        BrightnessReader(),  # type: ignore[arg-type]  # reads like the model's
        store,
        batch=4,
        window_seconds=60,
        on_images=lambda n: None,
        keep_pictures=7,
    )
    assert len(reference.pictures) == 7
    for row, kept in reference.pictures.items():
        assert float(kept.mean()) == float(reference.taps["grey"][reference.rows[row]])


def test_images_without_times_make_windows_of_their_own_segment(store: TapStore) -> None:
    examples = [Example(picture(k), ("camera=1",), number=k) for k in range(40)]
    assert np.unique(gather(examples, store).window_ids, return_counts=True)[1].tolist() == [
        16,
        16,
        8,
    ]


class Judge(BrightnessReader):
    """Says that dark pictures are class 0 and bright ones class 1; black ones it cannot tell."""

    def read(self, images: Sequence[NDArray[np.uint8]]) -> ReadLayers:
        classes = [int(image.mean() > 100) if image.any() else -1 for image in images]
        return replace(super().read(images), predicted=np.array(classes))


class Mortal(Judge):
    """Ends the process, as it were, in one of its passes; remembers the pictures of the others."""

    def __init__(self, dies_in: int | None = None) -> None:
        self.seen: list[int] = []
        self._left = dies_in

    def read(self, images: Sequence[NDArray[np.uint8]]) -> ReadLayers:
        if self._left is not None:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt
        self.seen += [int(image.mean()) for image in images]
        return super().read(images)


def read_until_killed(
    examples: list[Example], folder: Path, *, dies_in: int | None = None
) -> tuple[Reference, list[int]]:
    """Return the reference, and the pictures that went through the model."""
    reader = Mortal(dies_in)
    with open_until_done(folder, keep=True) as store:
        reference = gather_reference(
            iter(examples),
            reader,  # type: ignore[arg-type]  # reads like the model's
            store,
            batch=4,
            window_seconds=60,
            on_images=lambda n: None,
            class_name=["dark", "bright"].__getitem__,
        )
    return reference, reader.seen


def alike(first: Reference, second: Reference) -> bool:
    taps = [reference.taps["grey"][reference.rows] for reference in (first, second)]
    return torch.equal(*taps) and first.segments == second.segments


def test_a_killed_gathering_goes_on_where_it_was_and_gives_the_same(tmp_path: Path) -> None:
    examples = [Example(picture(5 * k), (), number=-k, key=str(k)) for k in range(40)]
    whole, _ = read_until_killed(examples, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        read_until_killed(examples, tmp_path / "killed", dies_in=4)
    again, seen = read_until_killed(examples, tmp_path / "killed")
    assert alike(again, whole)
    assert seen == [5 * k for k in range(40) if k < 4 or k >= 12]


def test_what_is_no_longer_in_the_source_is_not_in_the_reference(tmp_path: Path) -> None:
    examples = [Example(picture(5 * k), (), number=k, key=str(k)) for k in range(40)]
    read_until_killed(examples, tmp_path / "kept")
    fewer = [*examples[8:], Example(picture(3), (), number=50, key="changed")]
    reference, seen = read_until_killed(fewer, tmp_path / "kept")
    assert reference.taps["grey"][reference.rows].flatten().tolist() == [
        *(5.0 * k for k in range(8, 40)),
        3.0,
    ]
    assert seen == [40, 45, 50, 55, 3]


def test_no_image_at_all_is_an_error(store: TapStore) -> None:
    with pytest.raises(ReferenceTooSmall, match="no image that could be decoded"):
        gather([], store)


def test_sub_folders_are_segments_that_advance_together(tmp_path: Path) -> None:
    for camera in ("left", "right"):
        (tmp_path / camera).mkdir()
        for k in range(3):
            (tmp_path / camera / f"{k}.jpg").write_bytes(jpeg(40 * k))
    (tmp_path / "right" / "9.png").write_bytes(b"broken")
    files = list_images(tmp_path, header="camera")
    assert [file.number for file in files] == [0, 0, 1, 1, 2, 2, 3]
    examples = list(read_images(files, DecodeSettings(max_image_pixels=1000)))
    assert [example.segments for example in examples[:2]] == [("camera=left",), ("camera=right",)]
    assert len(examples) == 6
    keys = [example.key for example in examples]
    assert len(set(keys)) == 6
    (tmp_path / "left" / "0.jpg").write_bytes(jpeg(250))
    again = [example.key for example in read_images(files, DecodeSettings(max_image_pixels=1000))]
    assert [one == other for one, other in zip(keys, again, strict=True)] == [False] + [True] * 5


def test_a_folders_name_is_a_segments_value_by_the_rule_of_headers(tmp_path: Path) -> None:
    for name in ("Halle\u00a03", "Ka\u0308fig"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(jpeg(90))
    files = list_images(tmp_path, header="camera")
    assert {file.segments for file in files} == {("camera=Halle\u00a03",), ("camera=K\u00e4fig",)}
    (tmp_path / "a\x1b[2J").mkdir()
    (tmp_path / "a\x1b[2J" / "1.jpg").write_bytes(jpeg(90))
    with pytest.raises(SettingsError, match=r"the folder's name 'a\\x1b\[2J' cannot be kept"):
        list_images(tmp_path, header="camera")


def test_a_folder_without_images_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"looked for .avif, .heic, .heif, .jpeg, .jpg, .png, .webp"
    ):
        list_images(tmp_path, header=None)
    with pytest.raises(SettingsError, match=r"the folder .* does not exist"):
        list_images(tmp_path / "none", header=None)


def test_coverage_warns_of_hours_and_segments_that_it_lacks() -> None:
    times = [START + timedelta(minutes=k) for k in range(60)]
    coverage = measure_coverage(times, [("camera=1",)] * 60)
    assert coverage.hours == (0, 23)
    first, second = coverage.warnings()
    assert "spans 0:59:00, less than a day" in first
    assert "segment camera=1 has 60 reference images, wanted about 150" in second
    assert coverage.notes()["span_seconds"] == 59 * 60


def test_a_whole_days_coverage_of_enough_images_warns_of_nothing() -> None:
    times = [START + timedelta(minutes=10 * k) for k in range(200)]
    assert measure_coverage(times, [("camera=1",)] * 200).warnings() == []


def test_a_reference_is_sliced_by_the_class_that_the_model_gives_unless_the_event_says_it(
    store: TapStore,
) -> None:
    examples = [
        Example(picture(20), ("camera=3",), START),
        Example(picture(200), (), START + timedelta(seconds=1)),
        Example(picture(200), ("predicted_class=cat",), START + timedelta(seconds=2)),
        Example(picture(0), ("camera=3",), START + timedelta(seconds=3)),
    ]
    found = gather_reference(
        iter(examples),
        Judge(),  # type: ignore[arg-type]  # reads like the model's
        store,
        batch=2,
        window_seconds=60,
        on_images=lambda _: None,
        class_name=["cat", "dog"].__getitem__,
    )
    assert found.segments == [
        ("camera=3", "predicted_class=cat"),
        ("predicted_class=dog",),
        ("predicted_class=cat",),
        ("camera=3",),
    ]
