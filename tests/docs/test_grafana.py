"""The boards of deploy/grafana: each panel's query finds something, in a real database and a real Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftgauge.agent.telemetry import HttpServer, Metrics, agent_pages
from driftgauge.storage import Database, Store

from ..agent.telemetry.pretend_loop import ABOUT, PretendLoop
from ..prometheus_server import JOB, query_prometheus, running_prometheus
from ..stores import STREAM, TOPIC, HandClock, empty
from .test_sql import fill

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
BOARDS = {
    path.stem: json.loads(path.read_text()) for path in (FOLDER / "dashboards").glob("*.json")
}
SOURCES = re.findall(
    r"uid: (\S+)\n    type: (\S+)", next(FOLDER.glob("*/datasources/*")).read_text()
)
COLUMNS = 24


def targets(board: str) -> list[Any]:
    """Return each panel's title with each of its queries."""
    return [
        pytest.param(panel, target, id=f"{panel['title']} {target['refId']}")
        for panel in BOARDS[board]["panels"]
        for target in panel["targets"]
    ]


def spelled(sql: str) -> str:
    """Return *sql* with what Grafana puts in the place of its variables and macros."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2026-02-01' AND '2026-04-01'", sql)
    return sql.replace("$stream", STREAM).replace("$segment", "'*','camera=3'")


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_board_is_one_that_grafana_loads(name: str) -> None:
    board = BOARDS[name]
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= board.keys()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in cells) < COLUMNS, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"]
        assert {"type", "fieldConfig", "options", "targets"} <= panel.keys()


def test_boards_use_the_data_sources_that_are_provisioned() -> None:
    found = re.findall(r'"type": "([\w-]+)",\s+"uid": "([\w-]+)"', json.dumps(BOARDS))
    assert {(uid, kind) for kind, uid in found} == set(SOURCES)
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.fixture(scope="module")
def filled(postgres_upgraded: Database) -> Database:
    empty(postgres_upgraded)
    store = Store(postgres_upgraded, now=HandClock())
    store.ensure_stream(STREAM, TOPIC, 60)
    fill(store)
    return postgres_upgraded


@pytest.mark.postgres
@pytest.mark.parametrize(("panel", "target"), targets("images"))
def test_each_panel_of_images_finds_rows(filled: Database, panel: Any, target: Any) -> None:
    found = filled.query(spelled(target["rawSql"]), timeout_seconds=10, limit=2000)
    assert found.rows, panel["title"]
    if target["format"] == "time_series":
        assert found.columns[:2] == ("time", "metric")
    named = {name["matcher"]["options"] for name in panel["fieldConfig"]["overrides"]}
    assert named <= set(found.columns)


@pytest.mark.postgres
def test_the_variables_and_annotations_of_images_find_rows(filled: Database) -> None:
    board = BOARDS["images"]
    variables = [variable["query"] for variable in board["templating"]["list"]]
    annotations = [one["target"]["rawSql"] for one in board["annotations"]["list"]]
    for sql in (*variables, *annotations):
        assert filled.query(spelled(sql), timeout_seconds=10, limit=10).rows, sql


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    loop, metrics = PretendLoop(), Metrics(alpha=0.01)
    metrics.set_alerts({"open": 1, "acknowledged": 0})
    server = HttpServer("127.0.0.1", 0, agent_pages(loop.status, loop.clock, metrics, ABOUT))
    server.start()
    try:
        with running_prometheus(tmp_path_factory.mktemp("prometheus"), server.address) as url:
            yield url
    finally:
        server.close()


@pytest.mark.parametrize(("panel", "target"), targets("agents"))
def test_each_panel_of_agents_finds_series(prometheus: str, panel: Any, target: Any) -> None:
    expression = target["expr"].replace("$job", JOB).replace("$__rate_interval", "1m")
    assert query_prometheus(prometheus, expression), panel["title"]
    labels = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    assert all(
        name in row["metric"] for row in query_prometheus(prometheus, expression) for name in labels
    )
