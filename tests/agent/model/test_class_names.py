from __future__ import annotations

from pathlib import Path

import pytest

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.model.class_names import read_class_names


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
