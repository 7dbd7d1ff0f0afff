"""docs/operations.md lists each metric and each log action, and every rule and example in it holds."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from driftgauge.agent.settings.load import load_settings, secret_names
from driftgauge.agent.telemetry import Metrics, agent_pages

from ..agent.telemetry.pretend_loop import ABOUT, PretendLoop
from ..services import go_without
from .log_actions import action_of, log_calls

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
RULES = ROOT / "deploy" / "prometheus" / "alerts.yaml"


def section(title: str) -> str:
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


def first_cells(title: str) -> set[str]:
    """Return the names in the first column of the section's table."""
    rows = re.findall(r"^\| (`[^|]+`) \|", section(title), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def exposed() -> set[str]:
    """Return the names that a scrape has; of a histogram its own, without its parts."""
    loop, metrics = PretendLoop(), Metrics(alpha=0.01)
    pages = agent_pages(loop.status, loop.clock, metrics, ABOUT)
    text = pages["/metrics"]("").body.decode()
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    assert first_cells("Metrics") == exposed()


def test_every_log_call_says_what_happened() -> None:
    assert [at for at, call in log_calls() if action_of(call) is None] == []


def test_every_action_is_documented_and_every_documented_one_exists() -> None:
    assert first_cells("Log") == {action_of(call) for _, call in log_calls()}


def test_every_page_is_documented() -> None:
    loop = PretendLoop()
    pages = agent_pages(loop.status, loop.clock, Metrics(alpha=0.01), ABOUT)
    assert first_cells("Pages") == set(pages)


def test_every_stage_is_documented() -> None:
    from driftgauge.agent.loop.stages import STAGES

    assert set(STAGES) <= set(re.findall(r"`([\w.]+)`", section("Sizing")))


def test_every_secret_of_the_broker_is_shown_as_a_file() -> None:
    for name in secret_names()["kafka"]:
        assert f"DRIFTGAUGE_KAFKA__{name}_FILE=".upper() in section("Security")


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_of_a_connection_loads(block: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    head = "[stream]\nname = 's'\ntopic = 't'\n[model]\nsource = 'timm:resnet18'\n"
    path = tmp_path / "driftgauge.toml"
    path.write_text(head + re.sub(r'"/run/secrets/[^"]*"', f'"{secret}"', block))
    load_settings(path)


def test_every_metric_in_the_rules_exists() -> None:
    used = set(re.findall(r"driftgauge_[a-z_]+", RULES.read_text()))
    assert len(used) > 8
    assert used <= exposed()


def promtool(*arguments: str | Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        go_without("promtool", "install Debian's prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", RULES)


def test_each_rule_fires_when_it_should_and_not_before() -> None:
    tests = RULES.with_name("alerts_test.yaml")
    promtool("test", "rules", tests)
    rules = re.findall(r"- alert: (\w+)", RULES.read_text())
    fired = re.findall(r"^      - alertname: (\w+)", tests.read_text(), re.MULTILINE)
    assert fired == rules
    quiet = re.findall(r"\{alertname: (\w+), eval_time: 2h, exp_alerts: \[\]\}", tests.read_text())
    assert quiet == rules


def test_the_runbook_has_every_test_that_raises_alerts_and_every_step_of_an_alert() -> None:
    from driftgauge.agent.drift.tests.catalogue import TESTS
    from driftgauge.agent.notify.notice import Kind
    from driftgauge.storage import SILENCE

    runbook = section("What each alert means, and what to do")
    names = {SILENCE, *(test.alert for test in TESTS), *(test.name for test in TESTS)}
    assert {name for name in names if f"`{name}`" not in runbook} == set()
    assert {step for step in get_args(Kind) if f"\n| {step} |" not in runbook} == set()
