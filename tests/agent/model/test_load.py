from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import Tensor, nn

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.model.load import load_model, pick_device
from driftgauge.agent.model.scorer import LayerReader

ME = __name__


def plain_factory() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


def own_transform(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float()


def pair_factory() -> tuple[nn.Module, Callable[[Image.Image], Tensor]]:
    return plain_factory(), own_transform


def wrong_factory() -> str:
    return "no model"


def test_a_factorys_own_transform_is_used_and_recorded() -> None:
    loaded = load_model(source=None, factory=f"{ME}:pair_factory")
    assert loaded.transform is own_transform
    assert "own_transform" in loaded.identity.preprocessing
    assert not loaded.model.training


def test_a_timm_model_needs_no_hub_when_a_checkpoint_is_given(tmp_path: Path) -> None:
    torch.manual_seed(1)
    weights = timm.create_model("resnet10t", pretrained=False).state_dict()
    torch.save({"state_dict": weights}, tmp_path / "weights.pt")
    loaded = load_model(
        source="timm:resnet10t", factory=None, checkpoint=tmp_path / "weights.pt", image_size=64
    )
    assert torch.equal(loaded.model.state_dict()["fc.weight"], weights["fc.weight"])
    assert loaded.transform(Image.new("RGB", (200, 100))).shape == (3, 64, 64)
    assert "input_size=(3, 64, 64)" in loaded.identity.preprocessing


def test_equal_weights_have_one_identity_and_the_image_size_is_part_of_it() -> None:
    first = load_model(source=None, factory=f"{ME}:plain_factory", image_size=32)
    second = load_model(source=None, factory=f"{ME}:plain_factory", image_size=32)
    third = load_model(source=None, factory=f"{ME}:plain_factory", image_size=48)
    assert first.identity == second.identity
    assert first.identity.differences(third.identity)[0].startswith("preprocessing")


@pytest.mark.parametrize(
    ("source", "factory", "said"),
    [
        (None, None, "got neither of model.source and model.factory"),
        ("timm:a", "b:c", "got both of model.source and model.factory"),
        ("timm:resnet999", None, "timm cannot create 'resnet999'"),
        (None, "no_such_module_here:build", "cannot find model.factory"),
        (None, f"{ME}:nothing", "cannot find model.factory"),
        (None, f"{ME}:wrong_factory", "returned str, wanted an nn.Module"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_the_reason(
    source: str | None, factory: str | None, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_model(source=source, factory=factory)


def test_a_broken_checkpoint_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"broken")
    with pytest.raises(SettingsError, match=r"cannot load model.checkpoint .*weights.safetensors"):
        load_model(
            source=None,
            factory=f"{ME}:plain_factory",
            checkpoint=tmp_path / "weights.safetensors",
        )


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_missing_gpu_is_named() -> None:
    assert pick_device("auto").type == "cpu"
    with pytest.raises(SettingsError, match="sees no CUDA device"):
        pick_device("cuda")


def test_taps_do_not_depend_on_the_neighbours_in_a_batch() -> None:
    loaded = load_model(source=None, factory=f"{ME}:plain_factory", image_size=32)
    reader = LayerReader(loaded, ["0", "1"])
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 50, 3), dtype=np.uint8) for _ in range(5)]
    together = reader.read(images).taps
    alone = reader.read(images[3:4]).taps
    assert torch.allclose(together["1"][3:4], alone["1"], atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("precision", "near"), [("float32", 1e-5), ("tf32", 1e-3)])
def test_a_gpu_reads_the_taps_that_the_cpu_reads(precision: str, near: float) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    taps = [
        LayerReader(
            load_model(
                source=None,
                factory=f"{ME}:plain_factory",
                image_size=64,
                device=device,
                precision=precision,
            ),
            ["0", "1", "1~roughness"],
        )
        .read([image])
        .taps
        for device in ("cpu", "cuda")
    ]
    for name, tap in taps[0].items():
        assert torch.allclose(tap, taps[1][name].cpu(), atol=near), name
