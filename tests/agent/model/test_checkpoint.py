"""Checkpoints as people have them: from training scripts, wrappers and other tools."""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.model.load import LoadedModel, load_model

NAME = "timm:resnet10t"


def weights_of(seed: int, **arguments: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    state: dict[str, Tensor] = timm.create_model("resnet10t", **arguments).state_dict()
    return state


def load(path: Path, **settings: Any) -> LoadedModel:
    return load_model(source=NAME, factory=None, checkpoint=path, image_size=64, **settings)


def has(loaded: LoadedModel, state: Mapping[str, Tensor]) -> bool:
    own = loaded.model.state_dict()
    return all(torch.equal(own[name], value) for name, value in state.items())


def training_checkpoint(state: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What timm's train script writes: the weights beside everything else."""
    return {
        "epoch": 12,
        "arch": "resnet10t",
        "state_dict": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "args": argparse.Namespace(model="resnet10t", lr=0.1, output=Path("runs"), amp=None),
        "metric": np.float64(71.5),
        "when": datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC),
        **more,
    }


def test_a_training_scripts_checkpoint_is_loaded_without_running_what_is_in_it(
    tmp_path: Path,
) -> None:
    state = weights_of(1)
    torch.save(training_checkpoint(state), tmp_path / "last.pth.tar")
    assert has(load(tmp_path / "last.pth.tar"), state)


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "weights", "net"])
def test_weights_are_found_under_the_usual_names(key: str, tmp_path: Path) -> None:
    state = weights_of(1)
    torch.save({"epoch": 3, key: state}, tmp_path / "w.pt")
    assert has(load(tmp_path / "w.pt"), state)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model."]
)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_prefixes_of_wrappers_are_understood(prefix: str, suffix: str, tmp_path: Path) -> None:
    state, path = weights_of(1), tmp_path / f"w.{suffix}"
    renamed = {f"{prefix}{name}": value for name, value in state.items()}
    save_file(renamed, path) if suffix == "safetensors" else torch.save(renamed, path)
    assert has(load(path), state)


def test_a_part_that_was_compiled_alone_and_a_models_own_module_keep_their_names(
    tmp_path: Path,
) -> None:
    state = wrapped_factory().state_dict()
    renamed = {name.replace("module.0", "module.0._orig_mod"): v for name, v in state.items()}
    torch.save(renamed, tmp_path / "w.pt")
    loaded = load_model(
        source=None, factory=f"{__name__}:wrapped_factory", checkpoint=tmp_path / "w.pt"
    )
    assert has(loaded, state)


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.module(x)
        return found


def wrapped_factory() -> nn.Module:
    torch.manual_seed(4)
    return Wrapped()


@pytest.mark.parametrize("key", ["state_dict_ema", "model_ema", "ema_state_dict"])
def test_the_moving_average_is_taken_where_the_settings_say_so(key: str, tmp_path: Path) -> None:
    plain, average = weights_of(1), weights_of(2)
    torch.save(training_checkpoint(plain, **{key: average}), tmp_path / "w.pt")
    as_it_is, averaged = load(tmp_path / "w.pt"), load(tmp_path / "w.pt", use_ema=True)
    assert has(as_it_is, plain)
    assert has(averaged, average)
    assert any("set use_ema = true" in note for note in as_it_is.notes)
    assert averaged.notes == ()


def test_an_averaged_model_of_torch_is_a_moving_average(tmp_path: Path) -> None:
    model = timm.create_model("resnet10t")
    torch.save({"model": {}, "model_ema": AveragedModel(model).state_dict()}, tmp_path / "w.pt")
    assert has(load(tmp_path / "w.pt", use_ema=True), model.state_dict())


def test_a_moving_average_that_is_not_there_is_told_with_what_there_is(tmp_path: Path) -> None:
    torch.save(training_checkpoint(weights_of(1)), tmp_path / "w.pt")
    with pytest.raises(
        SettingsError, match="has no EMA weights: got a dict of epoch, arch, state_"
    ):
        load(tmp_path / "w.pt", use_ema=True)


def test_classes_and_channels_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    state = weights_of(1, num_classes=7, in_chans=1)
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "w.pt")
    loaded = load(tmp_path / "w.pt")
    assert has(loaded, state)
    assert "input_size=(1, 64, 64)" in loaded.identity.preprocessing


def test_another_models_weights_are_told_in_three_lines_with_counts_and_the_first_names(
    tmp_path: Path,
) -> None:
    state = timm.create_model("mobilenetv3_small_050").state_dict()
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "w.pt")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(len(line) < 320 for line in lines)
    assert (
        "of 86 names 68 are not in the file, 4 have another shape in it, and 206 of its own"
        in lines[0]
    )
    assert lines[1].startswith("missing: ")
    assert "and 65 more; other shapes: " in lines[1]
    assert lines[2].startswith("not in the model: conv_stem.weight, ")


def test_a_layer_of_another_shape_is_named_with_both(tmp_path: Path) -> None:
    state = weights_of(1)
    state["layer1.0.conv1.weight"] = torch.zeros(5, 64, 3, 3)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(SettingsError, match=r"conv1.weight \(5, 64, 3, 3\) for \(64, 64, 3, 3\)"):
        load(tmp_path / "w.pt")


class Ran:
    """Runs something when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def test_a_pickled_object_is_named_and_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    torch.save({"state_dict": weights_of(1), "config": Ran(ran)}, tmp_path / "w.pt")
    torch.save(wrapped_factory(), tmp_path / "whole.pt")
    with pytest.raises(SettingsError, match=r"holds a pickled \w+\.mkdir in addition to"):
        load(tmp_path / "w.pt")
    assert not ran.exists()
    with pytest.raises(SettingsError, match=r"holds a pickled \S*test_checkpoint\.Wrapped") as told:
        load(tmp_path / "whole.pt")
    assert told.value.hint == "save the weights alone: torch.save(model.state_dict(), ...)"
    assert len(str(told.value)) < 320


def test_a_file_that_is_no_checkpoint_is_told_in_a_line(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("no weights")
    for name, said in (
        ("list.pt", "has no weights: got builtins.list"),
        ("text.pt", "cannot load model.checkpoint"),
        ("none.pt", "the file does not exist"),
    ):
        with pytest.raises(SettingsError, match=said) as caught:
            load(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1
