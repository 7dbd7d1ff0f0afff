"""The agent's process is watched, and ended with the block it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgauge.agent.demo.agent_process import AgentProcess, AgentProcessEnded, run_to_end


def test_a_command_that_fails_is_named_with_its_code() -> None:
    with pytest.raises(AgentProcessEnded, match="`driftgauge config` failed with exit code 2"):
        run_to_end(["config", "--config", "/nowhere.toml"])


def test_an_agent_that_ended_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    with AgentProcess(["config", "--config", "/nowhere.toml"], log) as agent:
        assert agent._process is not None
        assert agent._process.wait(60) == 2
        with pytest.raises(
            AgentProcessEnded, match="exit code 2; its last log lines:\n  error: cannot read"
        ):
            agent.check()
