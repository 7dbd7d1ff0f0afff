"""Pictures that `run` would refuse are no reference either."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.fit.example import Example
from driftgauge.agent.fit.folder import list_images, read_images
from driftgauge.agent.fit.gather import gather_reference
from driftgauge.agent.fit.tap_store import TapStore
from driftgauge.agent.model.load import LoadedModel
from driftgauge.agent.model.reader import LayerReader
from driftgauge.detector import ModelIdentity
from tests.agent.records import encoded, jpeg

from .test_reference import store

__all__ = ["store"]


def test_a_picture_that_run_would_refuse_is_left_out_with_the_reason(
    tmp_path: Path, store: TapStore, caplog: pytest.LogCaptureFixture
) -> None:
    wide = Image.new("RGB", (300, 2))
    for name, value in (("a", jpeg(9)), ("b", encoded(wide, "PNG")), ("c", jpeg(60))):
        (tmp_path / f"{name}.png").write_bytes(value)
    files = list_images(tmp_path, header=None)
    assert len(list(read_images(files, DecodeSettings()))) == 2
    assert "b.png: the picture has an extreme aspect ratio: got 300 x 2 pixels" in caplog.text
    every = read_images(files, DecodeSettings(max_image_aspect=200))
    reference = gather_reference(
        every, fussy_reader(), store, batch=2, window_seconds=60, on_images=lambda _: None
    )
    assert len(reference.rows) == 2
    assert re.search(r"skipping .*b\.png:.*transform refused it: ValueError", caplog.text)


def test_a_transform_that_takes_no_picture_stops_the_fit(store: TapStore) -> None:
    examples = [Example(np.zeros((2, 300, 3), np.uint8), ()) for _ in range(20)]
    with pytest.raises(
        SettingsError, match=r"refused the first 8 pictures: ValueError\('a strip'\)"
    ):
        gather_reference(
            examples, fussy_reader(), store, batch=2, window_seconds=60, on_images=lambda _: None
        )


def fussy_reader() -> LayerReader:
    def transform(image: Image.Image) -> Tensor:
        if image.width > 100:
            raise ValueError("a strip")
        return torch.zeros(3, 4, 4)

    model = nn.Sequential(nn.Conv2d(3, 2, 1)).eval()
    identity = ModelIdentity("w", "p")
    return LayerReader(LoadedModel(model, transform, torch.device("cpu"), "m", identity), ["0"])
