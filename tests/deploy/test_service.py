"""deploy/systemd: the unit starts what exists, as a user without rights, and gives it time to leave."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

from typer.testing import CliRunner

from driftgauge.agent.command.__main__ import app
from driftgauge.agent.process.leaving import LEAVE_SECONDS

from ..services import go_without

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "driftgauge.service"


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(
        strict=False
    )  # Environment= stands twice where secrets are
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have cases
    parser.read_string(UNIT.read_text())
    return parser["Service"]


def test_the_unit_starts_a_command_that_exists() -> None:
    program, command, *options = shlex.split(service()["ExecStart"])
    assert program == "/opt/driftgauge/bin/driftgauge"
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert told.exit_code == 0
    assert all(option in told.output for option in options if option.startswith("--"))


def test_the_unit_gives_the_agent_longer_than_it_takes_to_leave() -> None:

    assert int(service()["TimeoutStopSec"]) > LEAVE_SECONDS


def test_unusable_settings_are_not_tried_again_and_all_else_is() -> None:
    assert service()["Restart"] == "always"
    assert service()["RestartPreventExitStatus"] == "2"


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    """The program is named as one that is there, since the check wants it."""
    if shutil.which("systemd-analyze") is None:
        go_without("systemd-analyze", "apt-get install systemd")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/driftgauge/bin/driftgauge", "/bin/true"))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert UNIT.name not in told.stderr
