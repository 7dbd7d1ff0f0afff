"""Each file of deploy/ is used by a test: whoever adds one says here which."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from .compose_file import DEPLOY

TESTS = DEPLOY.parent / "tests"
USED_BY = {
    "compose.yaml": "deploy/test_compose.py",
    "compose/alertmanager.yml": "deploy/test_compose.py",
    "compose/driftgauge.toml": "deploy/test_compose.py",
    "compose/grafana.sql": "deploy/test_compose.py",
    "compose/prometheus.yml": "deploy/test_compose.py",
    "compose/sample.env": "deploy/compose_file.py",
    "container/Dockerfile": "deploy/test_container.py",
    "driftgauge.toml": "agent/settings/test_settings.py",
    "grafana/dashboards/*.json": "docs/test_grafana.py",
    "grafana/provisioning/*/driftgauge.yaml": "deploy/test_compose.py",
    "helm/driftgauge/*": "deploy/test_chart.py",
    "helm/examples/*": "deploy/test_chart.py",
    "postgresql/analyst.sql": "storage/test_analyst.py",
    "prometheus/alerts.yaml": "docs/test_operations.py",
    "prometheus/alerts_test.yaml": "docs/test_operations.py",
    "smoke": "deploy/test_smoke.py",
    "systemd/driftgauge.service": "deploy/test_service.py",
}
"""Files, as patterns, and the test that reads them; test_chart.py itself looks for files that it leaves out."""

FILES = sorted(
    str(path.relative_to(DEPLOY))
    for path in DEPLOY.rglob("*")
    if path.is_file() and path.name != ".env"
)


@pytest.mark.parametrize("file", FILES)
def test_each_file_has_a_test(file: str) -> None:
    assert [pattern for pattern in USED_BY if fnmatch(file, pattern)]


@pytest.mark.parametrize(("pattern", "test"), USED_BY.items())
def test_each_pattern_has_a_file_and_its_test_reads_it(pattern: str, test: str) -> None:
    assert [file for file in FILES if fnmatch(file, pattern)]
    assert pattern.split("/", maxsplit=1)[0].removesuffix(".yaml") in (TESTS / test).read_text()
