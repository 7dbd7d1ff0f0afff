"""``driftgauge score``: what it prints, writes and ends with."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from driftgauge.agent.command import score as command

from ..command.reading import Outcome, Run, run
from .conftest import N_LIVE

__all__ = ["run"]

N_IMAGES = 2 * N_LIVE + 1


@pytest.fixture
def score(run: Run, fitted: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``driftgauge score`` in the fitted folder."""
    monkeypatch.chdir(fitted)

    def command(*arguments: str) -> Outcome:
        return run("score", *arguments)

    return command


def test_the_most_unusual_images_come_first_and_what_cannot_be_read_is_listed(score: Run) -> None:
    done = score("live", "--top", "3")
    rows = done.out.splitlines()
    assert rows[0].rstrip() == "The most unusual images"
    assert all("blurred.png" in row for row in rows[2:4])
    assert "blocks." in rows[2] or "pixels" in rows[2]  # a layer that moved
    assert done.code == command.SOME_UNREAD
    assert f"{N_IMAGES - 1} images scored by detector" in done.out
    assert "of normal images 5.0 % are." in done.out
    assert f"1 of {N_IMAGES} images have no score:" in done.err
    assert "live/broken.jpg: " in done.err
    assert "1 other files were not read (.txt)" in done.out


def test_all_images_with_scores_end_with_0_and_none_with_1(score: Run) -> None:
    good = score("live/coffee/0000.jpg", "live/coffee/0001.jpg")
    assert (good.code, good.err.strip()) == (0, "")
    bad = score("live/broken.jpg")
    assert bad.code == 1
    assert "1 of 1 images have no score:" in bad.err
    missing = score("live/no.jpg")
    assert missing.code == 2
    assert "there is no image file live/no.jpg" in missing.err


def test_json_has_every_figure_and_the_reason_of_each_failure(score: Run) -> None:
    found = score("live", "--top", "2", "--json")
    assert found.code == command.SOME_UNREAD
    told = found.values
    assert (told["images"], told["scored"]) == (N_IMAGES, N_IMAGES - 1)
    assert told["unusual"] >= 2
    assert {Path(one["image"]).name for one in told["most_unusual"]} == {"blurred.png"}
    assert told["most_unusual"][0]["moved"]
    assert told["most_unusual"][0]["looks_like"]
    assert told["not_named"] is None
    assert list(told["errors"]) == ["live/broken.jpg"]
    assert "not a picture" in told["errors"]["live/broken.jpg"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_has_a_row_for_each_image_the_unreadable_too(
    score: Run, fitted: Path, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"scores.{suffix}"
    assert f"Wrote {path}." in score("live", "--to", str(path)).out
    if suffix == "csv":
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = pq.read_table(path).to_pylist()
    named = {str(row["image"]): row for row in rows}
    assert len(named) == N_IMAGES
    assert named["live/broken.jpg"]["error"]
    assert not named["live/broken.jpg"]["p_value"]
    blurred = named["live/coffee/blurred.png"]
    assert float(blurred["p_value"]) < 0.04
    assert float(blurred["p_value[blocks.1]"]) < 0.05
    assert not blurred["error"]
    assert not list(tmp_path.glob("*.part"))


def test_the_sheet_shows_the_most_unusual_beside_typical_ones(score: Run, tmp_path: Path) -> None:
    sheet, plot = tmp_path / "sheet.png", tmp_path / "plot.png"
    score("live", "--top", "7", "--picture", str(sheet), "--plot", str(plot))
    with Image.open(sheet) as drawn:
        assert drawn.width == 848
        assert drawn.height > 3 * 160  # two rows of unusual ones, one of typical ones
        assert len(drawn.convert("RGB").getcolors(10**6) or []) > 1000
    with Image.open(plot) as drawn:
        assert drawn.size == (960, 480)


def test_a_detector_is_named_by_its_folder_without_a_database(
    score: Run, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = (fitted / "detector").glob("[0-9a-f]*")
    monkeypatch.setenv("DRIFTGAUGE_STORE__URL", f"sqlite:///{tmp_path}/none.db")
    by_name = score("live", "--detector", folder.name, "--json").values
    assert by_name == score("live", "--detector", str(folder), "--json").values
    assert not (tmp_path / "none.db").exists()


def test_an_unknown_detector_is_told_with_those_that_there_are(score: Run, fitted: Path) -> None:
    (folder,) = (fitted / "detector").glob("[0-9a-f]*")
    done = score("live", "--detector", "abc")
    assert done.code == 2
    assert f"has no detector 'abc'; it has: {folder.name}" in done.err


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--to", "scores.xlsx", "does not end in .csv or .parquet"),
        ("--picture", "sheet.jpg", "does not end in .png"),
        ("--plot", "no/plot.png", "there is no folder no"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_scored(
    score: Run, option: str, value: str, reason: str
) -> None:
    assert "torch" in sys.modules
    done = score("live", option, value)
    assert done.code == 2
    assert reason in " ".join(done.err.replace("│", " ").split())
