from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import timm

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.model.class_names import own_class_names, read_class_names


def test_names_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\n dog \n")
    assert read_class_names(tmp_path / "classes.txt") == ("cat", "dog")
    assert read_class_names(None) == ()


@pytest.mark.parametrize("content", [b"cat\n\ndog", b"\xff\xfe", b"a\0b", b"x" * 129])
def test_a_line_that_is_no_name_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(SettingsError, match=r"model\.class_names"):
        read_class_names(tmp_path / "classes.txt")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_class_names(tmp_path / "classes.txt")


def test_a_model_from_hugging_face_names_its_classes() -> None:
    model = SimpleNamespace(config=SimpleNamespace(id2label={1: "dog, domestic", "0": "cat"}))
    assert own_class_names(model, is_pretrained=False) == ("cat", "dog")
    unnamed = SimpleNamespace(config=SimpleNamespace(id2label={0: "LABEL_0", 1: "LABEL_1"}))
    assert own_class_names(unnamed, is_pretrained=True) == ()


def test_timms_own_imagenet_models_name_their_classes_and_fine_tuned_ones_do_not() -> None:
    model = timm.create_model("mobilenetv3_small_050")
    assert own_class_names(model, is_pretrained=True)[281] == "tabby"
    assert own_class_names(model, is_pretrained=False) == ()
    ten = timm.create_model("mobilenetv3_small_050", num_classes=10)
    assert own_class_names(ten, is_pretrained=True) == ()
    assert own_class_names(object(), is_pretrained=True) == ()
