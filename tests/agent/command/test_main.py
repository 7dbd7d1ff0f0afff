"""The command line: fast help, exit codes, errors in one line with what to do."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from driftgauge.agent.command.__main__ import COMMANDS

HEAVY = ("torch", "timm", "sqlalchemy", "kafka", "river", "pydantic_settings", "jinja2")


def driftgauge(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "driftgauge.agent.command", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **(environment or {})},
    )


def test_help_names_every_command_and_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from driftgauge.agent.command.__main__ import main; sys.argv = ['x', '--help']\n"
        "try: main()\n"
        "except SystemExit: print('loaded:', *sys.modules)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    page, _, loaded = shown.partition("loaded:")
    assert all(name in page for name in COMMANDS)
    assert [name for name in HEAVY if name in loaded.split()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    shown = driftgauge(name, "--help", folder=tmp_path)
    assert shown.returncode == 0
    assert "Usage: driftgauge" in shown.stdout


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_the_packages(option: str, tmp_path: Path) -> None:
    shown = driftgauge(option, folder=tmp_path)
    assert shown.stdout == f"driftgauge {metadata.version('driftgauge')}\n"


def test_help_is_folded_where_the_terminal_ends(tmp_path: Path) -> None:
    """The source's own line breaks are not the reader's."""
    shown = driftgauge("run", "--help", folder=tmp_path, environment={"COLUMNS": "150"}).stdout
    assert "exits; started again, it continues where the database stands. Start as many" in shown


def test_an_unknown_command_exits_2_with_a_suggestion(tmp_path: Path) -> None:
    shown = driftgauge("confg", folder=tmp_path)
    assert shown.returncode == 2
    assert "Did you mean 'config'?" in shown.stderr


def test_a_settings_error_is_one_line_and_exits_2(tmp_path: Path) -> None:
    shown = driftgauge("config", "--config", "no.toml", folder=tmp_path)
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert shown.stderr.startswith("error: cannot read the settings file no.toml: No such file")
    assert "hint: `driftgauge init` writes one" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    "command", [["run"], ["fit", "--images", "x"], ["config"], ["dlq", "list"]]
)
def test_a_missing_settings_file_is_told_before_anything_heavy_loads(
    command: list[str], tmp_path: Path
) -> None:
    program = (
        "import sys; from driftgauge.agent.command.__main__ import main\n"
        f"sys.argv = ['driftgauge', *{command!r}]\n"
        "try: main()\n"
        "except SystemExit as ended: print('loaded:', *sys.modules); sys.exit(ended.code)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ended.returncode == 2
    assert "there is no settings file driftgauge.toml in" in ended.stderr
    assert "hint: `driftgauge init` writes driftgauge.toml" in ended.stderr
    assert [name for name in ("torch", "timm") if name in ended.stdout.split()] == []


def test_a_level_for_the_log_is_one_of_four(tmp_path: Path) -> None:
    shown = driftgauge("run", "--log-level", "loud", folder=tmp_path)
    assert shown.returncode == 2
    assert "--log-level" in shown.stderr
