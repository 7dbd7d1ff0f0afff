"""A fit that is killed while it reads images, by the command line, ends as one that never was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

N_IMAGES = 240
BATCH = 8
DIES_IN = 11
"""Forward pass that is not survived; the first is a grey picture's."""

MODEL = """
import os, signal
import torch
from torch import nn
from torchvision.transforms import v2

class Mortal(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.last = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        with open("passes", "a") as told:
            told.write(".")
        if self.passes == int(os.environ.get("DIES_IN", -1)):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.last(self.first(x)).mean(dim=(2, 3))

def build():
    return Mortal().eval(), v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
"""

SETTINGS = f"""
[stream]
name = "line"
topic = "frames"
segments = ["camera"]
[model]
factory = "mortal:build"
[detector]
layers = ["first", "last"]
method = "METHOD"
[batch]
max_images = {BATCH}
[store]
url = "sqlite:///driftgauge.db"
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for k in range(N_IMAGES):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        path = folder / f"camera {k % 2}" / f"{k:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def prepared(folder: Path, method: str = "mahalanobis") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mortal.py").write_text(MODEL)
    (folder / "driftgauge.toml").write_text(SETTINGS.replace("METHOD", method))
    return folder


def command(images: Path, *more: str) -> list[str]:
    fit = ["-m", "driftgauge.agent.command", "fit", "--images", str(images)]
    return [sys.executable, *fit, "--probes", "0", "--json", *more]


def fit(
    folder: Path, images: Path, *more: str, dies_in: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in *folder*; the file ``passes`` there tells its forward passes."""
    (folder / "passes").write_text("")
    environment = dict(os.environ) | ({} if dies_in is None else {"DIES_IN": str(dies_in)})
    return subprocess.run(
        command(images, *more),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def stores(folder: Path) -> list[Path]:
    return sorted((folder / "detector").glob(".fit-*"))


def n_passes(folder: Path) -> int:
    return len((folder / "passes").read_text())


def test_a_killed_fit_goes_on_and_ends_as_one_that_never_was(tmp_path: Path, images: Path) -> None:
    whole = prepared(tmp_path / "whole")
    done = fit(whole, images)
    assert done.returncode == 0, done.stderr
    assert not stores(whole)
    assert "already read" not in done.stderr
    in_all = n_passes(whole)

    killed = prepared(tmp_path / "killed")
    assert fit(killed, images, dies_in=DIES_IN).returncode == -signal.SIGKILL
    assert len(stores(killed)) == 1
    again = fit(killed, images, "--keep-taps")
    assert again.returncode == 0, again.stderr
    kept = (DIES_IN - 2) * BATCH
    assert f"continuing after {kept} images that were already read" in again.stderr
    assert n_passes(killed) == in_all - (DIES_IN - 2) + 1  # the first batch is read again
    assert json.loads(again.stdout)["detector"] == json.loads(done.stdout)["detector"]
    assert json.loads(again.stdout)["coverage"] == json.loads(done.stdout)["coverage"]
    assert len(stores(killed)) == 1

    fresh = fit(killed, images, "--fresh")
    assert "already read" not in fresh.stderr
    assert n_passes(killed) == in_all
    assert json.loads(fresh.stdout)["detector"] == json.loads(done.stdout)["detector"]
    assert not stores(killed)


def kill_in_training(folder: Path, images: Path) -> None:
    """Kill a fit as soon as it has kept where its training stands."""
    with subprocess.Popen(
        command(images), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not list(folder.glob("detector/.fit-*/training.safetensors")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_a_fit_killed_while_it_trains_goes_on_training(tmp_path: Path, images: Path) -> None:
    whole = prepared(tmp_path / "whole", "diffusion")
    done = fit(whole, images)
    assert done.returncode == 0, done.stderr
    killed = prepared(tmp_path / "killed", "diffusion")
    kill_in_training(killed, images)
    again = fit(killed, images)
    assert again.returncode == 0, again.stderr
    assert f"continuing after {N_IMAGES} images that were already read" in again.stderr
    assert n_passes(killed) == 2  # a grey picture, and the first batch for its layouts
    assert json.loads(again.stdout)["detector"] == json.loads(done.stdout)["detector"]
    assert not stores(killed)
