"""What `driftgauge fit` says before it reads for a minute, and when it is stopped."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from PIL import Image

from driftgauge.agent.command.__main__ import main

N_IMAGES = 210
MODEL = """
import os, signal
import timm, torch, torchvision
from torch import nn

class Told(nn.Module):
    def __init__(self, in_chans):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(in_chans, 8, 3, stride=2), nn.Conv2d(8, 16, 3, stride=2))

    def forward(self, x):
        with open("passes", "a") as told:
            told.write(".")
        if os.path.getsize("passes") == int(os.environ.get("STOPS_IN", -1)):
            os.kill(os.getpid(), signal.SIGINT)
        return self.inner(x).mean(dim=(2, 3))

def build():
    torch.manual_seed(0)
    return Told(3)

def grey():
    torch.manual_seed(0)
    return timm.create_model("resnet10t", in_chans=1)

def broken():
    return Told(3), lambda picture: {"left": 1, "right": 2}
"""
SETTINGS = """
[stream]
name = "line"
topic = "frames"
segments = ["camera"]
[model]
factory = "told:{factory}"
image_size = 32
[detector]
layers = {layers}
method = "mahalanobis"
[batch]
max_images = 8
[store]
url = "sqlite:///driftgauge.db"
"""


@dataclass(frozen=True)
class Done:
    code: int
    stderr: str


class Fit(Protocol):
    def __call__(self, *more: str, factory: str = "build", layers: str = "[]") -> Done: ...


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "left").mkdir()
    rng = np.random.default_rng(0)
    for number in range(N_IMAGES):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "left" / f"frame_{number}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "told.py").write_text(MODEL)
    (tmp_path / "passes").write_text("")
    return tmp_path


def write_settings(folder: Path, *, factory: str = "build", layers: str = "[]") -> None:
    (folder / "driftgauge.toml").write_text(SETTINGS.format(factory=factory, layers=layers))


@pytest.fixture
def fit(
    folder: Path,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Fit]:
    """Give the command, in this process: importing torch takes longer than such a fit."""
    monkeypatch.syspath_prepend(str(folder))
    handlers = logging.root.handlers[:]

    def run(*more: str, factory: str = "build", layers: str = "[]") -> Done:
        write_settings(folder, factory=factory, layers=layers)
        arguments = more if "--topic" in more else ("--images", str(images), *more)
        monkeypatch.setattr(sys, "argv", ["driftgauge", "fit", "--probes", "0", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return Done(int(left.value.code or 0), capsys.readouterr().err)

    yield run
    logging.root.handlers[:] = handlers
    sys.modules.pop("told", None)


def n_passes(folder: Path) -> int:
    return len((folder / "passes").read_text())


def test_fit_tells_the_preprocessing_that_it_chose_and_how_to_change_it(fit: Fit) -> None:
    done = fit("--json")
    assert done.code == 0, done.stderr
    assert (
        "preprocessing: RGB (3 channels), resize to 37 (bicubic), center crop 32 x 32"
        in done.stderr
    )
    assert (
        "from ImageNet's, assumed since the model does not say; to change it: [model]"
        in done.stderr
    )
    assert "note: the model does not say how pictures are prepared" in done.stderr
    assert "layer inner.1: 16 channels, 7 x 7" in done.stderr
    assert "Warning" not in done.stderr


def test_a_grey_model_is_fitted_from_colour_pictures(fit: Fit) -> None:
    done = fit(factory="grey")
    assert done.code == 0, done.stderr
    assert "preprocessing: L (1 channel), resize" in done.stderr
    assert "from timm's configuration of the model" in done.stderr


def test_ctrl_c_says_that_the_same_command_goes_on_and_it_does(
    folder: Path, images: Path, fit: Fit
) -> None:
    write_settings(folder)
    stopped = subprocess.run(
        [sys.executable, "-m", "driftgauge", "fit", "--images", str(images), "--probes", "0"],
        env=os.environ | {"STOPS_IN": "9"},
        capture_output=True,
        text=True,
        check=False,
        # Where the tests run in the background, SIGINT is ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert stopped.returncode == 128 + signal.SIGINT
    assert "kept in detector: run the same command to continue" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    again = fit()
    assert again.code == 0, again.stderr
    kept = re.search(r"continuing after (\d+) images that were already read", again.stderr)
    assert kept
    assert 0 < int(kept[1]) < N_IMAGES


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layers": '["inner.9"]'}, "layer 'inner.9' is not in Told; did you mean 'inner.1'?"),
        ({"factory": "broken"}, "gave a dict of left, right for one picture"),
        ({"factory": "missing"}, "has no function 'missing'"),
    ],
)
def test_what_is_wrong_with_the_model_is_one_error_before_any_image_is_read(
    settings: dict[str, str], said: str, folder: Path, fit: Fit
) -> None:
    done = fit(**settings)
    assert done.code in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "same command to continue" not in done.stderr
    assert n_passes(folder) <= 3


def test_a_database_that_cannot_serve_is_told_before_any_image_is_read(
    folder: Path, fit: Fit
) -> None:
    with closing(sqlite3.connect(folder / "driftgauge.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
        database.commit()
    done = fit()
    assert done.code == 1
    assert "newer" in done.stderr
    assert n_passes(folder) == 0


def test_too_few_images_are_told_before_any_is_read(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, images: Path, fit: Fit
) -> None:
    few = tmp_path_factory.mktemp("few")
    for path in sorted(images.glob("left/*"))[:190]:
        shutil.copy(path, few)
    done = fit("--images", str(few))
    assert done.code == 1
    assert f"{few.name} has 190 images, wanted at least 200" in done.stderr
    assert n_passes(folder) == 0


def test_the_order_of_a_topics_events_is_their_times(fit: Fit) -> None:
    done = fit("--topic", "t", "--order", "exif")
    assert done.code == 2
    assert "--order is for --images" in done.stderr
