"""A detection model, which is no classifier: fitted, run and scored as docs/models.md says."""

from __future__ import annotations

import importlib
import io
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import Camera, photograph_cameras
from driftgauge.agent.fit.fit import Callbacks, FitOptions
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.model.scorer import ModelScorer
from driftgauge.agent.score.opening import find_detector, load_scorer
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.agent.wiring.database import build_database
from driftgauge.agent.wiring.fit import folder_source, run_fit
from driftgauge.agent.wiring.loop import build_loop_settings
from driftgauge.agent.wiring.model import build_model
from driftgauge.detector import PIXELS, load_detector
from driftgauge.storage import Store

from ..agent.records import NOON
from ..docs.test_models import BLOCKS

N_REFERENCE = 104
N_LIVE = 12
QUIET = Callbacks(*([lambda *_: None] * 5))
SETTINGS = """\
[stream]
name = "line"
topic = "line"
alpha = 0.05
[model]
factory = "my_detection_model:build_model"
[detector]
method = "mahalanobis"
[flush]
interval_seconds = 0.5
"""


def cameras() -> tuple[Camera, ...]:
    return photograph_cameras()[:2]


def covered(seed: int) -> bytes:
    """Return what a camera sees whose lens is covered: dark, with the sensor's noise."""
    dark = np.random.default_rng(seed).normal(12, 2, (224, 224, 3))
    sink = io.BytesIO()
    Image.fromarray(np.clip(dark, 0, 255).astype(np.uint8)).save(sink, "PNG")
    return sink.getvalue()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the page's factory, random weights, settings and a detector."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("detection")
    (folder / "my_detection_model.py").write_text(dict(BLOCKS)["my_detection_model"])
    (folder / "driftgauge.toml").write_text(SETTINGS)
    torch.manual_seed(0)
    build = torchvision.models.detection.ssdlite320_mobilenet_v3_large
    model = build(weights=None, weights_backbone=None, num_classes=5)
    torch.save(model.state_dict(), folder / "detection.pt")
    for camera in cameras():
        (folder / "reference" / camera.name).mkdir(parents=True)
        for index in range(N_REFERENCE):
            path = folder / "reference" / camera.name / f"{index:04}.jpg"
            path.write_bytes(frame(camera, index, seed=1))
    with pytest.MonkeyPatch.context() as patch:
        in_folder(folder, patch)
        settings = load_settings(folder / "driftgauge.toml")
        with folder_source(settings, folder / "reference") as source:
            run_fit(settings, source, options=FitOptions(), callbacks=QUIET)
    return folder


def in_folder(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.syspath_prepend(str(folder))
    importlib.invalidate_caches()


@pytest.fixture
def settings(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    in_folder(fitted, monkeypatch)
    return load_settings(fitted / "driftgauge.toml")


@pytest.mark.timeout(600)
def test_the_agent_counts_a_detection_models_images_and_sees_a_covered_lens(
    settings: Settings,
) -> None:
    topic, letters, stop = MemoryTopic("line"), MemoryDeadLetters(), threading.Event()
    for index in range(N_LIVE):
        for camera in cameras():
            is_covered = camera.name == cameras()[1].name
            value = covered(index) if is_covered else frame(camera, 1000 + index, seed=1)
            moment = int(NOON.timestamp() * 1000) + index
            topic.append(value, headers={"camera": camera.name.encode()}, timestamp_ms=moment)
    loaded = build_model(settings)
    folder = find_detector(settings, None)
    detector = load_detector(folder, loaded.identity)
    database = build_database(settings)
    store = Store(database)
    loop = AgentLoop(
        source=MemorySource(topic, auto_offset_reset="earliest"),
        dead_letters=letters,
        scorer=ModelScorer(loaded, detector, name=folder.name),
        store=store,
        clock=SystemClock(),
        settings=build_loop_settings(settings),
        stop=stop,
    )
    while loop.status().n_counted < 2 * N_LIVE:
        loop.turn()
    stop.set()
    loop.run()
    assert store.event_counts("line")["*"] == 2 * N_LIVE
    counted = {row.segment: row for row in store.rates("line", period="window")}
    database.close()
    assert letters.stored == []
    clear, dark = (counted[f"camera={camera.name}"] for camera in cameras())
    assert (clear.events, dark.events) == (N_LIVE, N_LIVE)
    assert dark.ood_rate == 1.0
    assert clear.ood_rate <= 0.5


def test_its_layers_are_the_backbones_and_it_has_no_classes(
    settings: Settings, fitted: Path
) -> None:
    scorer = load_scorer()
    assert scorer.layers[0] == PIXELS
    assert all(layer.startswith("backbone.") for layer in scorer.layers[1:])
    normal = [frame(camera, 1000, seed=1) for camera in cameras()]
    files = []
    for number, value in enumerate([*normal, covered(1), covered(2)]):
        files.append(fitted / f"{number}.img")
        files[-1].write_bytes(value)
    table = scorer.score(files)
    assert table.predicted is None
    assert table.errors == {}
    assert (table.p_values[2:] <= table.alpha).all()
    assert table.scores[2:].min() > table.scores[:2].max()
    assert np.isfinite(table.layer_p_values).all()
