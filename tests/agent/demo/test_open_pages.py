"""``driftgauge demo --open``: the run's pages are up until it is left, on this machine only."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from rich.console import Console

from driftgauge.agent.demo import open_pages
from driftgauge.agent.demo.agent_process import AgentProcessEnded
from driftgauge.agent.demo.open_pages import OpenPages
from driftgauge.agent.demo.stage import Stage
from driftgauge.agent.demo.workspace import Workspace
from driftgauge.storage import Store

from ...stores import upgraded

SETTINGS = """\
[stream]
name = "camera-frames"
topic = "camera-frames"
[model]
source = "timm:resnet18"
[store]
url = "{url}"
"""


def test_pages_are_up_until_they_are_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/driftgauge.db"
    with closing(upgraded(url)) as database:
        Store(database).ensure_stream("camera-frames", "camera-frames", 16)
    settings = tmp_path / "driftgauge.toml"
    settings.write_text(SETTINGS.format(url=url))
    with OpenPages(settings, tmp_path / "pages.log") as pages:
        assert pages.address.startswith("http://127.0.0.1:")
        answer = httpx.get(f"{pages.address}/", follow_redirects=True, timeout=60)
        assert answer.status_code == 200
        assert "camera-frames" in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(pages.address)


def test_pages_that_cannot_be_served_say_why(tmp_path: Path) -> None:
    settings = tmp_path / "driftgauge.toml"
    settings.write_text(SETTINGS.format(url=f"sqlite:///{tmp_path}/nothing.db"))
    with (
        pytest.raises(AgentProcessEnded, match=r"nothing\.db"),
        OpenPages(settings, tmp_path / "pages.log"),
    ):
        pass


def test_pages_that_do_not_answer_in_time_are_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/driftgauge.db"
    with closing(upgraded(url)) as database:
        Store(database).ensure_stream("camera-frames", "camera-frames", 16)
    workspace = Workspace(tmp_path)
    workspace.settings.write_text(SETTINGS.format(url=url))
    monkeypatch.setattr(open_pages, "START_SECONDS", 0)
    monkeypatch.setattr(OpenPages, "wait", lambda pages: None)
    console = Console(file=io.StringIO(), width=400)
    stage = cast("Stage", SimpleNamespace(workspace=workspace, console=console))
    assert open_pages.finish_with_pages(lambda: "the outcome", stage) == "the outcome"
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert "The pages do not answer after 0 s. The run goes on without them" in printed
    assert str(workspace.pages_log) in printed
    assert "live from now on" not in printed
