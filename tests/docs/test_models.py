"""The code that docs/models.md shows does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from driftgauge.agent.model.layers import choose_layers
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.model_input import ModelInput

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
BLOCKS = re.findall(
    r"^```python\n# (\w+)\.py\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_factory_of_the_page_is_loaded_with_its_own_transform(folder: Path) -> None:
    torch.save(torchvision.models.resnet18(num_classes=10).state_dict(), folder / "weights.pt")
    code = dict(BLOCKS)["my_model"]
    (folder / "model_of_the_page.py").write_text(code)
    loaded = load_model(source=None, factory="model_of_the_page:build_model")
    assert loaded.notes == ()
    assert "Resize(size=[128, 128]" in loaded.identity.preprocessing
    assert choose_layers(loaded)[-1] == "layer4"


def test_the_function_around_a_transform_of_another_kind_gives_its_picture() -> None:
    names: dict[str, Any] = {}
    exec(dict(BLOCKS)["my_transform"], names)

    def of_a_dict(data: dict[str, Image.Image]) -> dict[str, Any]:
        return {"img": np.asarray(data["img"]).astype(np.float32), "meta": 1}

    made = ModelInput(names["around"](of_a_dict)).make(np.zeros((8, 9, 3), np.uint8))
    assert made.shape == (3, 8, 9)


def test_every_block_of_the_page_is_tried() -> None:
    assert {name for name, _ in BLOCKS} == {"my_detection_model", "my_model", "my_transform"}
    assert PAGE.read_text().count("```python") == len(BLOCKS)
