"""deploy/smoke, unchanged, on real services that run as processes in place of containers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..kafka_server import KafkaServer
from ..ports import free_port
from ..services import go_without
from .compose_file import DEPLOY

ROOT = DEPLOY.parent
SMOKE = DEPLOY / "smoke"
NAMES = ("agent:9464", "pages:9465", "prometheus:9090", "alertmanager:9093")


def world(folder: Path, kafka: KafkaServer, postgres: str) -> dict[str, str]:
    """Write what stands in for Docker; return the environment in which the script finds it."""
    at = urlsplit(postgres)
    addresses = {name: f"127.0.0.1:{free_port()}" for name in NAMES}
    (addresses["kafka:9092"],) = kafka.connection().bootstrap_servers
    addresses["@postgres/driftgauge"] = f"@{at.hostname}:{at.port}{at.path}"
    addresses["//driftgauge:"] = f"//{at.username}:"
    (folder / "world.json").write_text(json.dumps({"addresses": addresses}))
    programs = folder / "bin"
    programs.mkdir()
    (programs / "docker").write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.deploy.native_docker "$@"\n'
    )
    (programs / "docker").chmod(0o755)
    ports = {
        f"{name.partition(':')[0].upper()}_PORT": addresses[name].rpartition(":")[2]
        for name in NAMES
    }
    path = f"{programs}:{os.environ['PATH']}"
    return {"PATH": path, "NATIVE_DOCKER": str(folder), "SMOKE_WITHOUT": "grafana", **ports}


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_the_smoke_script_sees_a_fault_arrive_at_alertmanager(
    apache_kafka: KafkaServer, postgres_url: str, tmp_path: Path
) -> None:
    pytest.importorskip("skimage")
    for program in ("prometheus", "prometheus-alertmanager", "curl"):
        if shutil.which(program) is None:
            go_without(program, f"apt-get install {program}")
    environment = os.environ | world(tmp_path, apache_kafka, postgres_url)
    ran = subprocess.run(
        [str(SMOKE)], env=environment, capture_output=True, text=True, check=False, timeout=880
    )
    print(ran.stdout, ran.stderr)  # noqa: T201 - what it said is worth reading where it fails
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-6000:]
    for line in (
        "ok: the pages show it",
        "ok: Alertmanager has it",
        "ok: Prometheus counts it",
        "smoke: passed",
    ):
        assert line in ran.stdout
    assert not list(tmp_path.glob("*.pid"))  # it has ended what it started
