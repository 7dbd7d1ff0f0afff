"""``init`` writes a file that ``config`` explains, value by value, without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftgauge.agent.command.__main__ import app
from driftgauge.agent.errors import SettingsError
from driftgauge.agent.settings.sample import sample_toml

runner = CliRunner()


@pytest.fixture(autouse=True)
def _bare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_init_writes_the_sample_and_says_what_comes_next() -> None:
    result = runner.invoke(app, ["init"])
    assert result.exit_code == 0
    assert Path("driftgauge.toml").read_text() == sample_toml()
    assert "driftgauge fit" in result.output


def test_init_overwrites_only_when_forced() -> None:
    Path("mine.toml").write_text("mine")
    result = runner.invoke(app, ["init", "mine.toml"])
    assert isinstance(result.exception, SettingsError)
    assert str(result.exception) == "mine.toml exists already; --force overwrites it"
    assert Path("mine.toml").read_text() == "mine"
    assert runner.invoke(app, ["init", "mine.toml", "--force"]).exit_code == 0
    assert Path("mine.toml").read_text() == sample_toml()


def test_init_names_a_missing_folder() -> None:
    result = runner.invoke(app, ["init", "no/where.toml"])
    assert str(result.exception) == "the folder no does not exist"


def test_config_shows_every_value_and_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    runner.invoke(app, ["init"])
    monkeypatch.setenv("DRIFTGAUGE_STORE__URL", "postgresql://me:hunter2@db/drift")
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__PASSWORD", "hunter3")
    result = runner.invoke(app, ["config", "--json"])
    values = json.loads(result.output)
    assert values["store"]["url"] == {
        "value": "postgresql://me:***@db/drift", "origin": "DRIFTGAUGE_STORE__URL",
    }  # fmt: skip
    assert values["monitor"]["false_alarms"]["value"] == "1 per 30 days"
    assert values["stream"]["name"]["origin"].startswith("driftgauge.toml:")
    assert values["model"]["source"] == {"value": None, "origin": "default"}
    table = runner.invoke(app, ["config"]).output
    assert "postgresql://me:***@db/drift" in table
    assert not any("hunter" in text for text in (result.output, table))
