"""Every block of README.md is true: the settings load, the programs run, the commands work."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import timm
import torch

from driftgauge.agent.demo.faults import IN_WORDS
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.settings.load import load_settings
from driftgauge.agent.wiring.notify import build_delivery
from driftgauge.detector import select_layers
from driftgauge.storage import Database, Judgement, MonitorState, Store

from ..kafka_server import KafkaServer
from ..mail import mail_server
from ..stores import START, alert

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/events.md", "docs/models.md")
SETTINGS_FILES = ("driftgauge.toml", "notify.toml")
N_CAMERAS, N_FRAMES = 2, 104
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the first line names."""
        return self.text.partition("\n")[0].removeprefix("# ").partition(":")[0]


BLOCKS = [Block(*found) for found in FENCE.findall(README)]


def blocks(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def commands(program: str) -> list[str]:
    lines = [line for block in blocks("sh") for line in block.text.splitlines()]
    return [line for line in lines if line.split()[0] == program]


NO_AGENT_RUNS = 3
"""What status ends with, when it is asked while nothing runs."""


def run(command: str, *, cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-c", command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=250,
        check=False,
    )  # fmt: skip
    wanted = NO_AGENT_RUNS if command.startswith("driftgauge status") else 0
    assert done.returncode == wanted, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a reader's folder: the README's files, and the weights that it names, and images of two cameras."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("reader")
    for block in [*blocks("toml"), *blocks("python")]:
        (folder / block.file).write_text(block.text)
    model = timm.create_model("mobilenetv3_small_050", num_classes=10)
    torch.save(model.state_dict(), folder / "weights.pt")
    for camera in photograph_cameras()[:N_CAMERAS]:
        place = folder / "reference" / camera.name
        place.mkdir(parents=True)
        for index in range(N_FRAMES):
            (place / f"{index:04}.jpg").write_bytes(frame(camera, index, seed=0))
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path, apache_kafka: KafkaServer) -> dict[str, str]:
    """Give the shell's variables; the files name the test's Apache Kafka where the reader has one."""
    (address,) = apache_kafka.connection().bootstrap_servers
    for block in [*blocks("toml"), *blocks("python")]:
        text = (folder / block.file).read_text().replace("localhost:9092", address)
        (folder / block.file).write_text(text)
    apache_kafka.create_topic(load_settings(folder / "driftgauge.toml").stream.topic)
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_five_lines_of_settings_send_an_alert_by_mail(tmp_path: Path, store: Store) -> None:
    files = {block.file: block.text for block in blocks("toml")}
    own = files["notify.toml"].splitlines()
    assert len([line for line in own if not line.startswith("#")]) == 5
    joined = tmp_path / "driftgauge.toml"
    with mail_server() as (mailbox, url):
        text = "\n".join(files[name] for name in SETTINGS_FILES)
        joined.write_text(text.replace("mail.example.com:25", urlsplit(url).netloc))
        settings = load_settings(joined)
        assert joined.read_text() != text
        stream = settings.stream.name
        store.ensure_stream(stream, settings.stream.topic, settings.windows.seconds)
        delivery = build_delivery(settings, store)
        delivery.turn()
        found = replace(alert(), stream=stream, severity="critical")
        store.judge(Judgement(stream, None, MonitorState(START, "{}"), [found]))
        delivery.turn()
        delivery.close()
    (mail,) = mailbox.mails
    assert mail["To"] == "oncall@example.com"
    assert mail["Subject"] == f"[critical] camera 3 ({stream}): drift alert 1 opened"


def test_nothing_in_the_readme_escapes_these_tests() -> None:
    known = ("make", "driftgauge", "sqlite3")
    others = [line for block in blocks("sh") for line in block.text.splitlines()]
    assert [line for line in others if line.split()[0] not in known] == []
    assert {block.language for block in BLOCKS} == {"sh", "toml", "python", "text"}


@pytest.mark.parametrize("command", commands("make"))
def test_the_make_targets_exist(command: str) -> None:
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / page).read_text())
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert missing == []


def test_the_shown_table_has_every_fault() -> None:
    (shown,) = blocks("text")
    assert all(words in " ".join(shown.text.split()) for words in IN_WORDS.values())


def test_the_architecture_names_files_that_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`((?:agent|detector|driftgauge|storage|tests|deploy)/[\w./]*)`", text)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_a_reader_can_watch_a_model_of_their_own(folder: Path, environment: dict[str, str]) -> None:
    """Send, fit, run until all is counted, and ask, exactly as the README says."""
    run("python send.py", cwd=folder, environment=environment)
    config, fit, watch, *questions = commands("driftgauge")
    assert "my_model:build_model" in run(config, cwd=folder, environment=environment)
    run(fit, cwd=folder, environment=environment)
    _run_until_counted(watch, folder, environment)
    answers = [run(command, cwd=folder, environment=environment) for command in questions]
    status, rates, alerts = answers
    assert f"{N_CAMERAS * N_FRAMES}" in status
    assert "camera=coffee" in rates
    assert "No unresolved alerts" in alerts
    for command in questions:
        json.loads(run(f"{command} --json", cwd=folder, environment=environment))
    for command in commands("sqlite3"):
        assert "camera=motorcycle" in _query(command, folder, environment)


@pytest.mark.timeout(600)
def test_a_reader_can_score_single_images_in_a_notebook(folder: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if not (folder / "driftgauge.db").exists():  # this test runs alone: any detector will do
        quick = environment | {"DRIFTGAUGE_DETECTOR__METHOD": "mahalanobis"}
        fit = f"{commands('driftgauge')[1]} --probes 0"
        run(fit, cwd=folder, environment=quick)
    (code,) = [block.text for block in blocks("python") if block.file == "notebook.py"]
    assert len(code.strip().splitlines()) == 10
    told = run("python notebook.py", cwd=folder, environment=environment).splitlines()
    assert len(told) == 4
    assert all("reference/" in line for line in told[:3])
    assert "'p_value'" in told[3]
    assert (folder / "scores.png").read_bytes().startswith(b"\x89PNG")
    rows = (folder / "scores.csv").read_text().splitlines()
    assert len(rows) == 1 + N_CAMERAS * N_FRAMES


@pytest.mark.kafka
def test_a_reader_can_let_the_model_send(
    folder: Path, apache_kafka: KafkaServer, topic: str, environment: dict[str, str]
) -> None:
    apache_kafka.create_topic(topic)
    script = (folder / "serve.py").read_text()
    (folder / "serve.py").write_text(script.replace("line-3-images", topic))
    told = run("python serve.py", cwd=folder, environment=environment)
    assert "Counts(sent=16, dropped=0, failed=0, skipped=0)" in told
    model = timm.create_model("mobilenetv3_small_050", num_classes=10).eval()
    chosen = select_layers(model, torch.zeros(1, 3, 256, 256))
    assert f"layers = {json.dumps(list(chosen))}" in script


def _run_until_counted(command: str, folder: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen(command.split(), cwd=folder, env=environment)
    database = Database(f"sqlite:///{folder}/driftgauge.db")
    try:
        counted = 0
        while counted < N_CAMERAS * N_FRAMES:
            with pytest.raises(subprocess.TimeoutExpired):  # it must not end by itself
                process.wait(0.3)
            counted = Store(database).event_counts("line-3").get("*", 0)
    finally:
        database.close()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0


def _query(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run the query with sqlite3, or with Python's own where that is not installed."""
    if shutil.which("sqlite3"):
        return run(command, cwd=folder, environment=environment)
    name, query = re.fullmatch(r"sqlite3 (\S+) '(.+)'", command).groups()  # type: ignore[union-attr]
    with sqlite3.connect(folder / name) as connection:
        return str(connection.execute(query).fetchall())
