"""The settings that docs/pages.md shows load, and its pages exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.web.page_kinds import PAGES

TEXT = (Path(__file__).parents[2] / "docs" / "pages.md").read_text()
HEAD = "[stream]\nname = 's'\ntopic = 't'\n[model]\nsource = 'timm:resnet18'\n"


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL))
def test_every_example_of_settings_loads(block: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    path = tmp_path / "driftgauge.toml"
    path.write_text(HEAD + re.sub(r'"/run/secrets/[^"]*"', f'"{secret}"', block))
    load_settings(path)


def test_every_page_is_described() -> None:
    names = {"alerts": "alert"}
    for page in PAGES:
        assert re.search(rf"^\| .*\b{names.get(page.name, page.name)}\b.* \|", TEXT, re.M | re.I)
