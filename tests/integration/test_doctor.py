"""``driftgauge doctor`` on a real broker and real databases: it finds what is wrong and changes nothing."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaProducer  # noqa: TID251 - the sender brings its own
from kafka.admin import (  # noqa: TID251 - who runs the cluster grants permissions
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from driftgauge.agent.command.__main__ import main
from driftgauge.storage import Database, SchemaOutOfDate, Store

from ..agent.records import jpeg
from ..certificates import certify
from ..kafka_server import PASSWORD, USER, KafkaServer, find_jars
from ..services import go_without
from ..stores import upgraded
from ..token_endpoint import signing_keys

pytestmark = pytest.mark.kafka

MODEL = """\
from torch import nn


def build_model():
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)]
    return nn.Sequential(*layers)
"""
SETTINGS = """\
[stream]
name = "line-3"
topic = "{topic}"
[kafka]
bootstrap_servers = ["127.0.0.1:{port}"]
bootstrap_timeout_seconds = 5
{login}
[model]
factory = "{factory}"
image_size = 32
[store]
url = "{url}"
"""


@dataclass(frozen=True)
class Visit:
    code: int
    checks: dict[str, dict[str, str]]
    shown: str

    def state(self, name: str) -> str:
        return self.checks[name]["state"]


See = Callable[..., Visit]


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    root, client = logging.getLogger(), logging.getLogger("kafka")
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], client.propagate = handlers, True
    root.setLevel(level)


@pytest.fixture
def see(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    apache_kafka: KafkaServer,
    topic: str,
) -> See:
    """Run the doctor in a folder with a model of one's own."""
    (tmp_path / "model_of_the_doctor.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    usual = {
        "topic": topic,
        "port": apache_kafka.ports["PLAINTEXT"],
        "login": "",
        "factory": "model_of_the_doctor:build_model",
        "url": "sqlite:///driftgauge.db",
    }

    def visit(**given: object) -> Visit:
        (tmp_path / "driftgauge.toml").write_text(SETTINGS.format(**usual | given))
        monkeypatch.setattr(sys, "argv", ["driftgauge", "doctor", "--json"])
        code = _ended()
        values = json.loads(capsys.readouterr().out)
        monkeypatch.setattr(sys, "argv", ["driftgauge", "doctor"])
        assert _ended() == code
        assert values["works"] is (code == 0)
        return Visit(code, {one["check"]: one for one in values["checks"]}, capsys.readouterr().out)

    return visit


def _ended() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def send(server: KafkaServer, topic: str, values: Sequence[bytes], **headers: bytes) -> None:
    producer = KafkaProducer(**server.connection().producer_options())
    for value in values:
        producer.send(topic, value, headers=list(headers.items()))
    producer.flush()
    producer.close()


def topics_and_groups(server: KafkaServer) -> tuple[list[str], list[str]]:
    admin = KafkaAdminClient(**server.connection().options())
    found = sorted(admin.list_topics()), sorted(one["group_id"] for one in admin.list_groups())
    admin.close()
    return found


def test_a_stream_in_order_passes_but_for_what_fit_makes(
    see: See, apache_kafka: KafkaServer, topic: str
) -> None:
    apache_kafka.create_topic(topic, 2)
    send(apache_kafka, topic, [jpeg()] * 5, camera=b"3")
    visit = see()
    assert visit.state("broker") == visit.state("topic") == "ok"
    assert visit.checks["topic"]["found"] == f"{topic} has 2 partitions"
    assert visit.state("permissions") == "ok"
    assert visit.checks["messages"]["found"] == "5 of the 5 newest messages decoded: 5 images"
    assert visit.state("segments") == visit.state("message clock") == "ok"
    assert visit.state("model") in ("ok", "warning")
    assert "model_of_the_doctor:build_model on cpu" in visit.checks["model"]["found"]
    assert visit.code == 1
    assert "driftgauge fit" in visit.checks["database"]["advice"]
    assert visit.checks["detector"] == {
        "check": "detector", "state": "skipped", "found": "needs: database", "advice": "",
    }  # fmt: skip


def test_it_makes_no_topic_no_group_no_file_and_no_row(
    see: See, apache_kafka: KafkaServer, topic: str, tmp_path: Path, empty_url: str
) -> None:
    before = topics_and_groups(apache_kafka)
    see(url=empty_url, topic=f"{topic}-typo")
    assert topics_and_groups(apache_kafka) == before
    kept = {"driftgauge.toml", "model_of_the_doctor.py", "__pycache__"}
    assert {path.name for path in tmp_path.iterdir()} <= kept
    database = Database(empty_url)
    with pytest.raises(SchemaOutOfDate, match="has no driftgauge tables"):
        database.check_schema()
    database.close()


def test_a_mistyped_topic_is_met_with_the_one_that_is_there(
    see: See, apache_kafka: KafkaServer, topic: str
) -> None:
    apache_kafka.create_topic(topic)
    visit = see(topic=f"{topic}s")
    assert visit.state("topic") == "failed"
    assert f"did you mean '{topic}'?" in visit.checks["topic"]["advice"]
    assert visit.state("messages") == "skipped"


def test_a_header_that_no_message_has_is_told_with_those_that_are_there(
    see: See, apache_kafka: KafkaServer, topic: str
) -> None:
    apache_kafka.create_topic(topic)
    send(apache_kafka, topic, [jpeg()], cam=b"3")
    visit = see()
    assert visit.checks["segments"]["found"] == "none of 1 messages has camera"
    assert "their headers: cam." in visit.checks["segments"]["advice"]


def test_messages_that_no_reader_knows_are_told_with_the_reason(
    see: See, apache_kafka: KafkaServer, topic: str
) -> None:
    apache_kafka.create_topic(topic)
    send(apache_kafka, topic, [b"\x1b[2J no picture"] * 3, camera=b"3")
    visit = see()
    assert visit.state("messages") == "failed"
    assert "0 of the 3 newest messages decoded" in visit.checks["messages"]["found"]
    assert "dead-letter topic" in visit.checks["messages"]["advice"]
    assert "\x1b[2J" not in visit.shown


def test_a_broker_that_is_away_is_told_in_time_and_without_the_clients_noise(
    tmp_path: Path,
) -> None:
    text = SETTINGS.format(topic="t", port=1, login="", factory="a:b", url="sqlite:///none.db")
    (tmp_path / "my line.toml").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "driftgauge.agent.command", "doctor", "-c", "my line.toml"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = {line.split("  ")[0]: line for line in ended.stdout.splitlines()}
    assert "ECONNREFUSED" in lines["broker"]
    assert lines["topic"].split() == ["topic", "skipped", "needs:", "broker"]
    assert "no module" in lines["model"].lower()
    assert "-> driftgauge fit -c 'my line.toml' creates it" in ended.stdout


def test_a_database_without_its_tables_is_told_with_the_command(see: See, empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    visit = see(url=empty_url)
    assert "has no driftgauge tables" in visit.checks["database"]["found"]
    assert "driftgauge db upgrade" in visit.checks["database"]["advice"]


def test_a_database_in_order_has_a_clock_that_agrees_and_lacks_a_detector(
    see: See, empty_url: str
) -> None:
    database = upgraded(empty_url)
    Store(database).ensure_stream("line-3", "t", 60)
    database.close()
    visit = see(url=empty_url)
    assert visit.state("database") == visit.state("database clock") == "ok"
    assert "has no detector" in visit.checks["detector"]["found"]
    assert visit.checks["detector"]["advice"] == "driftgauge fit"


def test_a_model_that_cannot_be_loaded_is_told(see: See, tmp_path: Path) -> None:
    text = "def build_model():\n    raise RuntimeError('no weights [here]')\n"
    (tmp_path / "model_that_breaks.py").write_text(text)
    visit = see(factory="model_that_breaks:build_model")
    assert visit.state("model") == "failed"
    assert "no weights [here]" in visit.shown
    assert visit.state("detector fits model") == "skipped"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Give a server that lets the user do only what it is told."""
    java = shutil.which("java")
    if java is None:
        go_without("java", "install Debian's default-jre-headless")
    folder = tmp_path_factory.mktemp("guarded")
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    more = {"authorizer.class.name": authorizer, "super.users": "User:ANONYMOUS"}
    server = KafkaServer(java, find_jars(), folder, certify(folder), more_settings=more)
    server.keys_file.write_text(signing_keys())
    server.format()
    server.start()
    yield server
    server.stop()


def grant(server: KafkaServer, kind: ResourceType, name: str, *operations: ACLOperation) -> None:
    admin = KafkaAdminClient(**server.connection().options())
    who, allow = f"User:{USER}", ACLPermissionType.ALLOW
    admin.create_acls(
        [ACL(who, "*", operation, allow, ResourcePattern(kind, name)) for operation in operations]
    )
    admin.close()


def test_each_permission_that_is_missing_is_named(
    guarded: KafkaServer, see: See, topic: str
) -> None:
    guarded.create_topic(topic)
    login = f"""security_protocol = "SASL_PLAINTEXT"
sasl_mechanism = "PLAIN"
username = "{USER}"
password = "{PASSWORD}"
"""
    at = {"port": guarded.ports["SASL_PLAINTEXT"], "login": login}
    assert "or this user may not see it" in see(**at).checks["topic"]["found"]
    grant(guarded, ResourceType.TOPIC, topic, ACLOperation.DESCRIBE)
    told = see(**at).checks["permissions"]["found"]
    assert told.split("; ") == [
        f"not allowed: read on topic {topic}",
        "read on group driftgauge-line-3",
        "describe on group driftgauge-line-3",
        f"create on topic {topic}.dlq, which does not exist yet",
    ]
    grant(guarded, ResourceType.TOPIC, topic, ACLOperation.READ)
    grant(guarded, ResourceType.GROUP, "driftgauge-line-3", ACLOperation.READ)
    guarded.create_topic(f"{topic}.dlq")
    letters = [ACLOperation.DESCRIBE, ACLOperation.WRITE]
    grant(guarded, ResourceType.TOPIC, f"{topic}.dlq", *letters)
    visit = see(**at)
    assert visit.state("permissions") == "ok", visit.checks["permissions"]["found"]
