"""A folder with settings, a detector fitted on real pictures, and pictures to score."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.fit.fit import Callbacks, FitOptions
from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.wiring.fit import folder_source, run_fit
from driftgauge.detector import probe_image

N_REFERENCE = 100
N_LIVE = 8
N_PROBES = 30
SETTINGS = """\
[stream]
name = "line"
topic = "line"
alpha = 0.05
[model]
factory = "driftgauge.agent.demo.lite0:build_lite0"
image_size = 64
[detector]
method = "mahalanobis"
"""
QUIET = Callbacks(*([lambda *_: None] * 5))


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with ``driftgauge.toml``, ``reference``, a detector, and ``live`` of two cameras.

    Of ``live``, two pictures are blurred and one is no picture.
    """
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("scored")
    (folder / "driftgauge.toml").write_text(SETTINGS)
    for camera in photograph_cameras()[:2]:
        for place, first, n in (("reference", 0, N_REFERENCE), ("live", 1000, N_LIVE)):
            (folder / place / camera.name).mkdir(parents=True)
            for index in range(n):
                value = frame(camera, first + index, seed=1)
                (folder / place / camera.name / f"{index:04}.jpg").write_bytes(value)
    for path in sorted((folder / "live").glob("*/0003.jpg")):
        path.with_name("blurred.png").write_bytes(blurred(path))
        path.unlink()
    (folder / "live" / "broken.jpg").write_bytes(b"no picture")
    (folder / "live" / "notes.txt").write_text("Lens 2 was cleaned.")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = load_settings(folder / "driftgauge.toml")
        with folder_source(settings, folder / "reference") as source:
            run_fit(settings, source, options=FitOptions(probes=N_PROBES), callbacks=QUIET)
    return folder


def blurred(path: Path) -> bytes:
    sink = io.BytesIO()
    with Image.open(path) as picture:
        image = np.array(picture.convert("RGB"))
    for seed in range(4):
        image = probe_image(image, "blur", seed=seed)
    Image.fromarray(image).save(sink, "PNG")
    return sink.getvalue()
