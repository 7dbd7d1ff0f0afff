"""The run folder is new, and its settings are ones that the agent accepts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftgauge.agent.demo.workspace import make_workspace, settings_text
from driftgauge.agent.errors import SettingsError
from driftgauge.agent.settings.load import load_settings

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_the_settings_are_what_the_agent_reads(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "run", now=NOW)
    text = settings_text(workspace, broker="127.0.0.1:9", image_size=160)
    workspace.settings.write_text(text)
    settings = load_settings(workspace.settings)
    assert settings.kafka.partition_assignment == "range"
    assert settings.kafka.session_timeout_seconds == 2.5
    assert settings.store.url.get_secret_value() == f"sqlite:///{tmp_path}/run/driftgauge.db"
    assert settings.detector.path == workspace.detector
    assert settings.model.image_size == 160


def test_the_folder_is_named_after_the_time_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = make_workspace(None, now=NOW).folder
    assert folder.parent == tmp_path
    assert folder.name.startswith("driftgauge-demo-2026")


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(SettingsError, match="is not empty"):
        make_workspace(tmp_path, now=NOW)


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot use .*file/run as the run folder: Not a dir"):
        make_workspace(tmp_path / "file" / "run", now=NOW)
