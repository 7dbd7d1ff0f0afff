"""Stands in for `docker compose` where no containers can be had: the same services, run as processes here.

`deploy/smoke` runs unchanged on it. Broker and database are those of the tests; the agent, Prometheus and
Alertmanager are started as compose.yaml says, with its environment, settings and configuration, in which
the names of containers are replaced by addresses on loopback. Run as a program by a script named ``docker``
on the PATH; ``$NATIVE_DOCKER`` names the folder with world.json.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.topic import ensure_topics
from tests.deploy.compose_file import DEPLOY, compose_model

WORLD = Path(os.environ.get("NATIVE_DOCKER", "native-docker"))


@cache
def _addresses() -> dict[str, str]:
    """Return what stands in place of a container's name and port."""
    state: dict[str, dict[str, str]] = json.loads((WORLD / "world.json").read_text())
    return state["addresses"]


def main(words: list[str]) -> int:
    """Do what one call of ``docker`` asks for."""
    assert words.pop(0) == "compose", words
    options: dict[str, str] = {}
    while words[0].startswith("--"):
        options[words[0]] = words[1]
        words = words[2:]
    assert options["--file"] == "compose.yaml"
    model = compose_model(dict(os.environ) | _read_env(Path(options["--env-file"])))
    command, *rest = words
    return int(COMMANDS[command](model, rest) or 0)


def _read_env(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def _native(text: str) -> str:
    """Return *text* with the addresses of this machine in place of the containers'."""
    for name, address in _addresses().items():
        text = text.replace(name, address)
    return text


def _mounted(model: dict[str, Any], service: str, target: str) -> str:
    """Return the text of the file that is mounted at *target*."""
    for mount in model["services"][service]["volumes"]:
        source, inside, *_ = mount.split(":")
        if inside == target:
            return Path(DEPLOY / source).read_text()
    raise AssertionError(f"compose.yaml mounts nothing at {target} of {service}")


def _agent(model: dict[str, Any]) -> dict[str, str]:
    """Return the agent's environment; its settings are copied beside its data."""
    data = WORLD / "data"
    data.mkdir(exist_ok=True)
    own = {
        name: _native(value) for name, value in model["services"]["agent"]["environment"].items()
    }
    settings = WORLD / "driftgauge.toml"
    settings.write_text(
        _mounted(model, "agent", own["DRIFTGAUGE_CONFIG"]).replace('"/data/', f'"{data}/')
    )
    own |= {"DRIFTGAUGE_CONFIG": str(settings), "DRIFTGAUGE_HTTP__REQUIRED": "true"}
    own |= {"DRIFTGAUGE_HTTP__PORT": _addresses()["agent:9464"].rpartition(":")[2]}
    return dict(os.environ) | own


def _run(model: dict[str, Any], words: list[str]) -> int:
    """`compose run agent ...` and `compose exec agent driftgauge ...`: a command beside the agent."""
    words = [word for word in words if word not in {"--rm", "-T"}]
    assert words.pop(0) == "agent", words
    if words[0] == "driftgauge":
        words.pop(0)
    command = [sys.executable, "-m", "driftgauge.agent.command", *words]
    return subprocess.run(command, env=_agent(model), cwd=WORLD / "data", check=False).returncode


def _up(model: dict[str, Any], words: list[str]) -> None:
    for service in (word for word in words if not word.startswith("--")):
        for earlier in model["services"][service].get("depends_on", {}):
            if earlier in ONE_SHOT:
                ONE_SHOT[earlier](model)
        if service in STARTERS:
            STARTERS[service](model)


def _make_topics(model: dict[str, Any]) -> None:
    """Do what kafka-topics.sh would be asked for; Kafka's own jars here do not include it."""
    script, *words = model["services"]["topics"]["command"]
    assert script == "/opt/kafka/bin/kafka-topics.sh"
    options = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    assert {"create", "if-not-exists"} <= options.keys()
    connection = KafkaConnection(bootstrap_servers=(_native(options["bootstrap-server"]),))
    ensure_topics(connection, {options["topic"]: int(options["partitions"])})


def _migrate(model: dict[str, Any]) -> None:
    assert _run(model, ["agent", *model["services"]["migrate"]["command"]]) == 0


def _start_agent(model: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "driftgauge.agent.command"]
    _spawn("agent", [*command, *model["services"]["agent"]["command"]], _agent(model))


def _start_pages(model: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "driftgauge.agent.command"]
    host, _, port = _addresses()["pages:9465"].partition(":")
    words = [word for word in model["services"]["pages"]["command"] if word != "--host=0.0.0.0"]
    more = model["services"]["pages"]["environment"]["DRIFTGAUGE_WEB__ALLOWED_HOSTS"]
    environment = _agent(model) | {"DRIFTGAUGE_WEB__ALLOWED_HOSTS": more}
    _spawn("pages", [*command, *words, f"--host={host}", f"--port={port}"], environment)


def _start_prometheus(model: dict[str, Any]) -> None:
    folder = WORLD / "prometheus"
    folder.mkdir()
    config = yaml.safe_load(_mounted(model, "prometheus", "/etc/prometheus/prometheus.yml"))
    rules = _mounted(model, "prometheus", "/etc/prometheus/alerts.yaml")
    (folder / "alerts.yaml").write_text(rules)
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (found,) = config["scrape_configs"][0].pop(
        "dns_sd_configs"
    )  # nobody answers for these names here
    targets = [_native(f"{name}:{found['port']}") for name in found["names"]]
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    (folder / "prometheus.yml").write_text(_native(yaml.safe_dump(config)))
    _spawn(
        "prometheus",
        [
            *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={_addresses()['prometheus:9090']}",
        ],
    )


def _start_alertmanager(model: dict[str, Any]) -> None:
    folder = WORLD / "alertmanager"
    folder.mkdir()
    config = _mounted(model, "alertmanager", "/etc/alertmanager/alertmanager.yml")
    (folder / "alertmanager.yml").write_text(config)
    _spawn(
        "alertmanager",
        [
            shutil.which("prometheus-alertmanager") or "alertmanager",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={_addresses()['alertmanager:9093']}",
            "--cluster.listen-address=",
        ],
    )


def _spawn(name: str, command: list[str], env: dict[str, str] | None = None) -> None:
    with (WORLD / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(
            command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    (WORLD / f"{name}.pid").write_text(str(process.pid))


def _logs(_model: dict[str, Any], _words: list[str]) -> None:
    for log in sorted(WORLD.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-40:]
        sys.stdout.write("\n| ".join([log.name, *lines]) + "\n")


def _down(_model: dict[str, Any], _words: list[str]) -> None:
    for file in WORLD.glob("*.pid"):
        pid = int(file.read_text())
        with suppress(ProcessLookupError):  # it ended by itself
            os.kill(pid, signal.SIGTERM)
            _wait_for_end(pid)
        file.unlink()


def _wait_for_end(pid: int) -> None:
    for _ in range(450):
        if not Path(f"/proc/{pid}").exists() or _is_zombie(pid):
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")


ONE_SHOT = {"topics": _make_topics, "migrate": _migrate}
STARTERS = {
    "agent": _start_agent,
    "pages": _start_pages,
    "prometheus": _start_prometheus,
    "alertmanager": _start_alertmanager,
}
COMMANDS = {
    "build": lambda model, words: None,
    "up": _up,
    "run": _run,
    "exec": _run,
    "logs": _logs,
    "down": _down,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
