"""Scores for people are the agent's, whatever the images come in."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import driftgauge
from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.lite0 import build_lite0
from driftgauge.agent.errors import SettingsError
from driftgauge.agent.events.decode import DecodePorts
from driftgauge.agent.loop.decoded import RecordDecoder
from driftgauge.agent.loop.scoring import ScoringThread
from driftgauge.agent.model.batch_size import plain_batch
from driftgauge.agent.model.preprocessing import timm_preprocessing
from driftgauge.agent.model.scorer import ModelScorer
from driftgauge.agent.ports import Record
from driftgauge.agent.score import opening
from driftgauge.agent.score.image_scorer import ImageScorer
from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.wiring.decode import build_decode_settings
from driftgauge.agent.wiring.model import build_model
from driftgauge.detector import ArtifactMismatch, load_detector


def artifact(fitted: Path) -> Path:
    (folder,) = (fitted / "detector").glob("[0-9a-f]*")
    return folder


@pytest.fixture
def scorer(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> ImageScorer:
    monkeypatch.chdir(fitted)
    return driftgauge.load_scorer()


def good_files(fitted: Path) -> list[Path]:
    files = [*(fitted / "live").rglob("*.jpg"), *(fitted / "live").rglob("*.png")]
    return sorted(path for path in files if path.name != "broken.jpg")


def test_scores_are_the_agents_to_the_bit(scorer: ImageScorer, fitted: Path) -> None:
    """The same files through the agent's own decoder and scoring thread."""
    settings = load_settings(fitted / "driftgauge.toml")
    files = good_files(fitted)
    loaded = build_model(settings)
    detector = load_detector(artifact(fitted), loaded.identity)
    of_agent = ModelScorer(loaded, detector, name="d")
    clock = SystemClock()
    decoder = RecordDecoder(
        build_decode_settings(settings),
        DecodePorts(),
        of_agent.prepare,
        clock,
        max_skew_seconds=60,
        thumbnail_side=96,
    )
    thread = ScoringThread(of_agent, clock, max_images=plain_batch(settings.batch.max_images))
    batch = []
    for offset, path in enumerate(files):
        headers = (("camera", path.parent.name.encode()),)
        record = Record("line", 0, offset, None, path.read_bytes(), headers, 1_000)
        future: Future[object] = Future()
        future.set_result(decoder.decode(record, datetime.now(UTC), 1))
        batch.append(future)
    judged = thread.submit(batch).result(60)  # type: ignore[arg-type]
    assert thread.close(10)
    assert judged.scored is not None
    table = scorer.score(files)
    assert table.errors == {}
    assert np.array_equal(table.scores, judged.scored.scores[:, -1])
    assert table.predicted is not None
    assert judged.scored.predicted is not None
    assert np.array_equal(table.predicted, judged.scored.predicted)
    ours = np.column_stack([table.layer_p_values, table.p_values])
    width = 2 / len(detector.calibration.combined)
    assert (ours >= judged.scored.p_values).all()  # at the upper end of the same rank
    assert (ours - judged.scored.p_values < width).all()


def test_files_arrays_and_pictures_of_pillow_get_the_same_scores(
    scorer: ImageScorer, fitted: Path
) -> None:
    files = good_files(fitted)[:5]
    pictures = [Image.open(path) for path in files]
    arrays = [np.asarray(picture.convert("RGB")) for picture in pictures]
    wanted = scorer.score(files)
    for images in (arrays, pictures, [str(path) for path in files], np.stack(arrays[:1] * 5)):
        found = scorer.score(images)
        n = 1 if isinstance(images, np.ndarray) else 5
        assert np.allclose(found.scores[:n], wanted.scores[:n], rtol=1e-4)
    assert scorer.score(arrays[0]).names == ["0"]
    for picture in pictures:
        picture.close()


def test_images_of_a_folder_keep_their_order_whatever_cannot_be_read(
    scorer: ImageScorer, fitted: Path
) -> None:
    progress: list[tuple[int, int]] = []
    table = scorer.score(fitted / "live", lambda done, total: progress.append((done, total)))
    (row,) = table.errors
    assert table.names[row].endswith("broken.jpg")
    assert np.isnan(table.scores[row])
    assert np.isnan(table.layer_p_values[row]).all()
    assert len(table) == progress[-1][0] == progress[-1][1]
    alone = scorer.score(table.names[-1])
    assert alone.scores[0] == pytest.approx(table.scores[-1], rel=1e-4)


def test_blurred_pictures_are_the_most_unusual_and_the_table_says_why(
    scorer: ImageScorer, fitted: Path
) -> None:
    table = scorer.score(fitted / "live")
    first = table.most_unusual(2)
    assert {Path(one.name).name for one in first} == {"blurred.png"}
    assert all(one.p_value <= table.alpha for one in first)
    assert all(one.moved for one in first)
    assert table.not_named == ""
    assert all(one.looks_like for one in first)
    assert table.most_typical(1)[0].p_value > 0.2
    assert table.most_typical(1)[0].looks_like == ""
    assert "blurred.png" in str(table).splitlines()[1]
    assert "<td>" in table._repr_html_()


def test_a_model_of_ones_own_scores_with_an_artifact_and_no_settings(
    fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorer: ImageScorer
) -> None:
    wanted = scorer.score(good_files(fitted)[:3]).scores
    monkeypatch.chdir(tmp_path)  # no driftgauge.toml here
    model, folder = build_lite0(), artifact(fitted)
    with pytest.raises(ArtifactMismatch, match="preprocessing"):  # timm's own takes 224 pixels
        driftgauge.load_scorer(detector=folder, model=model)
    monkeypatch.setattr(
        opening, "timm_preprocessing", lambda model, _: timm_preprocessing(model, 64)
    )
    own = driftgauge.load_scorer(detector=folder, model=model)
    assert np.allclose(own.score(good_files(fitted)[:3]).scores, wanted, rtol=1e-4)


def test_an_artifact_by_its_folder_scores_as_the_streams_active_detector(
    fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorer: ImageScorer
) -> None:
    files = good_files(fitted)[:3]
    wanted = scorer.score(files).scores
    monkeypatch.chdir(tmp_path)
    found = driftgauge.load_scorer(fitted / "driftgauge.toml", detector=artifact(fitted))
    assert np.array_equal(found.score(files).scores, wanted)


def test_why_no_fault_is_named_is_told(fitted: Path, scorer: ImageScorer) -> None:
    """A detector of an older version knows no faults."""
    unknowing = replace(scorer._detector, faults=None)
    loaded = build_model(load_settings(fitted / "driftgauge.toml"))
    older = ImageScorer(loaded, unknowing, name="older", options=scorer._options)
    table = older.score(sorted((fitted / "live").glob("*/blurred.png")))
    assert table.n_unusual == 2
    assert list(table.looks_like) == ["", ""]
    assert table.not_named


def test_what_cannot_be_scored_is_told(scorer: ImageScorer, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot score a int"):
        scorer.score(3)
    with pytest.raises(SettingsError, match="found no image in"):
        scorer.score(tmp_path)
    table = scorer.score([np.zeros((3, 8, 9, 9), np.uint8)])
    assert "wanted (height, width, 3) uint8" in table.errors[0]
    assert table.n_scored == 0
    assert table.most_unusual() == []


def test_the_front_door_for_a_serving_process_stays_light() -> None:
    """``attach`` loads nothing that scoring needs: no database, decoder or timm."""
    program = (
        "import sys; from driftgauge import attach; "
        "print([n for n in ('timm', 'sqlalchemy', 'PIL', 'pydantic', 'torchvision') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
