"""deploy/compose.yaml: Compose accepts it, and each part is what the agent, Kafka, PostgreSQL and Prometheus take."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.topic import ensure_topics
from driftgauge.storage import Database

from ..kafka_server import POM, find_jars
from ..ports import free_port
from ..services import go_without
from .compose_file import (
    DEPLOY,
    VariableMissing,
    compose_model,
    compose_text,
    sample_environment,
)
from .tools import run_tool

MODEL = compose_model(sample_environment())
SERVICES: dict[str, Any] = MODEL["services"]
RUN_ONCE = {name for name, service in SERVICES.items() if service["restart"] == "no"}


def mounts(service: str) -> Iterator[tuple[str, str, bool]]:
    """Yield what is mounted, where, and whether it can be written."""
    for mount in SERVICES[service].get("volumes", ()):
        source, target, *more = mount.split(":")
        yield source, target, more != ["ro"]


def agent_settings(patch: pytest.MonkeyPatch) -> Settings:
    """Return the settings as the agent's container reads them."""
    environment = SERVICES["agent"]["environment"]
    files = {target: DEPLOY / source for source, target, _ in mounts("agent")}
    for name, value in environment.items():
        patch.setenv(name, value)
    return load_settings(files[environment["DRIFTGAUGE_CONFIG"]])


def test_compose_takes_the_file(tmp_path: Path) -> None:
    """The checker is made of what `docker compose` itself reads its files with."""
    path = tmp_path / "deploy" / "compose.yaml"
    shutil.copytree(DEPLOY, path.parent, symlinks=True)
    path.write_text(compose_text(sample_environment()))
    assert "camera-frames" in run_tool("compose-spec", path)
    path.write_text(path.read_text().replace("healthcheck:", "healthchek:", 1))
    with pytest.raises(AssertionError, match="healthchek"):
        run_tool("compose-spec", path)


@pytest.mark.parametrize("missing", sorted(sample_environment()))
def test_the_sample_names_each_password_and_none_may_be_missing(missing: str) -> None:
    environment = {name: value for name, value in sample_environment().items() if name != missing}
    with pytest.raises(VariableMissing, match=f"{missing}: copy compose/sample.env"):
        compose_text(environment)


def test_the_agent_takes_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = agent_settings(monkeypatch)
    assert settings.kafka.bootstrap_servers == ("kafka:9092",)
    at = urlsplit(settings.store.url.get_secret_value())
    postgres = SERVICES["postgres"]["environment"]
    assert (at.username, at.hostname, at.path[1:]) == (
        postgres["POSTGRES_USER"],
        "postgres",
        postgres["POSTGRES_DB"],
    )
    assert urlsplit(settings.notify.alertmanager_url or "").hostname in SERVICES


def test_the_pages_are_asked_for_under_this_machines_names_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed = SERVICES["pages"]["environment"]["DRIFTGAUGE_WEB__ALLOWED_HOSTS"]
    monkeypatch.setenv("DRIFTGAUGE_WEB__ALLOWED_HOSTS", allowed)
    assert agent_settings(monkeypatch).web.allowed_hosts == ("localhost", "127.0.0.1")


def test_the_topic_that_is_made_is_the_one_that_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"--topic={agent_settings(monkeypatch).stream.topic}" in SERVICES["topics"]["command"]


def test_everything_that_is_mounted_exists_and_each_volume_has_a_user() -> None:
    named = set()
    for service in SERVICES:
        for source, target, is_writable in mounts(service):
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
                assert not is_writable, target
            else:
                named.add(source)
    assert named == set(MODEL["volumes"])


def test_only_this_machine_reaches_the_ports() -> None:
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_runs_is_restarted_and_says_whether_it_is_well() -> None:
    assert sorted(RUN_ONCE) == ["grafana-role", "migrate", "topics"]
    for name in SERVICES.keys() - RUN_ONCE:
        assert SERVICES[name]["restart"] == "unless-stopped"
        own = "HEALTHCHECK" in (DEPLOY / "container" / "Dockerfile").read_text()
        assert "healthcheck" in SERVICES[name] or (own and SERVICES[name]["image"] == "driftgauge")


def test_somebody_waits_for_the_end_of_what_runs_once() -> None:
    """`docker compose up --wait` takes it for a failure otherwise."""
    waited_for = {
        earlier
        for name, service in SERVICES.items()
        for earlier, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
        and name not in RUN_ONCE - {"migrate"}
    }
    assert waited_for == RUN_ONCE


def test_the_agent_may_do_no_more_than_it_needs() -> None:
    agent = SERVICES["agent"]
    assert agent["read_only"] is True
    assert agent["cap_drop"] == ["ALL"]
    assert agent["security_opt"] == ["no-new-privileges:true"]
    assert {target for _, target, is_writable in mounts("agent") if is_writable} == {"/data"}


def test_grafana_is_given_every_variable_of_its_data_sources() -> None:
    text = next((DEPLOY / "grafana" / "provisioning" / "datasources").iterdir()).read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) <= SERVICES["grafana"]["environment"].keys()
    provider = (DEPLOY / "grafana" / "provisioning" / "dashboards" / "driftgauge.yaml").read_text()
    boards = dict(mount[1::-1] for mount in mounts("grafana"))
    (path,) = re.findall(r"path: (\S+)", provider)
    assert boards[path] == "./grafana/dashboards"


def test_kafka_is_the_version_that_the_tests_run_on() -> None:
    (version,) = re.findall(r"<kafka.version>(.+)</kafka.version>", POM.read_text())
    assert {SERVICES[name]["image"] for name in ("kafka", "topics")} == {f"apache/kafka:{version}"}


@pytest.mark.kafka
def test_a_broker_with_these_settings_serves_both_listeners(tmp_path: Path) -> None:
    """The image makes KAFKA_LOG_DIRS the property log.dirs, and so on; names and ports are this machine's."""
    java = shutil.which("java") or go_without("Java", "apt-get install default-jre-headless")
    ports = {name: free_port() for name in ("9092", "29092", "9093")}
    text = _properties(SERVICES["kafka"]["environment"], ports, tmp_path / "data")
    (tmp_path / "server.properties").write_text(text)
    program = [java, "-Xmx512m", "-Dlog4j2.level=WARN", "-cp", f"{find_jars()}/*"]
    cluster = f"--cluster-id={SERVICES['kafka']['environment']['CLUSTER_ID']}"
    formatting = ["kafka.tools.StorageTool", "format", cluster, "-c", "server.properties"]
    subprocess.run([*program, *formatting], cwd=tmp_path, check=True, capture_output=True)
    with (tmp_path / "log").open("wb") as log:
        broker = subprocess.Popen(
            [*program, "kafka.Kafka", "server.properties"], cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        _wait_for(ports["9092"])
        for port in (ports["9092"], ports["29092"]):
            connection = KafkaConnection(bootstrap_servers=(f"127.0.0.1:{port}",))
            ensure_topics(connection, {f"made-through-{port}": -1})
    finally:
        broker.terminate()
        broker.wait(30)


def _properties(environment: dict[str, Any], ports: dict[str, int], data: Path) -> str:
    lines = []
    for name, value in environment.items():
        if not name.startswith("KAFKA_"):
            continue
        text = str(value).replace("kafka:", "127.0.0.1:").replace("localhost:", "127.0.0.1:")
        text = text.replace("://:", "://127.0.0.1:").replace("/var/lib/kafka/data", str(data))
        text = re.sub(r":(29092|9092|9093)\b", lambda found: f":{ports[found[1]]}", text)
        lines.append(f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={text}\n")
    return "".join(lines)


def _wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise TimeoutError(f"nothing listens on {port}")


@pytest.mark.postgres
def test_grafanas_role_reads_rates_and_pictures_and_writes_nothing(postgres_url: str) -> None:
    psql = shutil.which("psql") or go_without("psql", "apt-get install postgresql-client")
    database = Database(postgres_url)
    database.upgrade()
    database.close()
    environment = os.environ | {"GRAFANA_DATABASE_PASSWORD": 'it\'s "secret"'}
    files = [f"--file={DEPLOY / source}" for source, _, _ in mounts("grafana-role")]
    for _ in range(2):  # it runs at each `docker compose up`
        subprocess.run([psql, "--quiet", postgres_url, *files], env=environment, check=True)

    def asked(sql: str) -> subprocess.CompletedProcess[str]:
        words = [psql, "--no-psqlrc", "-At", postgres_url, "-c", f"SET ROLE grafana; {sql}"]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    try:
        assert asked("SELECT count(thumbnail) FROM evidence").returncode == 0
        assert asked("SELECT count(*) FROM ood_rate_hourly").returncode == 0
        assert "permission denied" in asked("DELETE FROM evidence").stderr
    finally:  # roles belong to the whole server
        undone = "DROP OWNED BY grafana, driftgauge_analyst; DROP ROLE grafana"
        subprocess.run([psql, "--quiet", postgres_url, "-c", undone], check=True)


@pytest.mark.parametrize(
    ("program", "arguments", "file"),
    [
        ("promtool", ("check", "config"), "prometheus.yml"),
        ("amtool", ("check-config",), "alertmanager.yml"),
    ],
)
def test_monitoring_takes_its_configuration(
    program: str, arguments: tuple[str, ...], file: str, tmp_path: Path
) -> None:
    if shutil.which(program) is None:
        go_without(program, "apt-get install prometheus prometheus-alertmanager")
    shutil.copy(DEPLOY / "compose" / file, tmp_path)
    shutil.copy(DEPLOY / "prometheus" / "alerts.yaml", tmp_path)
    run_tool(program, *arguments, tmp_path / file)


def test_the_smoke_script_is_one_that_a_shell_reads() -> None:
    run_tool("sh", "-n", DEPLOY / "smoke")
    assert os.access(DEPLOY / "smoke", os.X_OK)


def test_hadolint_finds_no_fault_in_the_dockerfile() -> None:
    run_tool("hadolint", DEPLOY / "container" / "Dockerfile")
