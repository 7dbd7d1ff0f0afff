"""Dead letters on the command line, on Apache Kafka: the demonstration's broker miscounts batches."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from driftgauge.agent.command.__main__ import main
from driftgauge.agent.ports import Record
from driftgauge.agent.stream.connection import KafkaConnection
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.letter_box import open_letter_box

from ..agent.records import NOON, record
from ..kafka_server import KafkaServer

SETTINGS = """\
[stream]
name = "line"
topic = "{topic}"
[kafka]
bootstrap_servers = ["{server}"]
[model]
source = "timm:resnet18"
"""

Run = Callable[..., "Ended"]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def values(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Rig:
    """A stream's topic, its dead letters, and the command line."""

    connection: KafkaConnection
    topic: str
    run: Run

    def bury(self, n: int, *, error: str = "EventDecodeError", **changes: Any) -> None:
        letters = KafkaDeadLetters(self.connection, topic=f"{self.topic}.dlq")
        for offset in range(n):
            found = record(f"value {offset}".encode(), topic=self.topic, offset=offset, partition=1)
            whole = replace(found, key=b"k", headers=(("camera", b"3"), ("camera", b"4")))
            letters.send(replace(whole, **changes), error=error, message=f"bad number {offset}")
        letters.close()

    def sent(self) -> list[Record]:
        with open_letter_box(self.connection, self.topic) as box:
            return list(box.records())


@pytest.fixture
def rig(
    apache_kafka: KafkaServer,
    topic: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Rig]:
    apache_kafka.create_topic(topic, 2)
    connection = apache_kafka.connection()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")
    server = connection.bootstrap_servers[0]
    text = SETTINGS.format(topic=topic, server=server)
    (tmp_path / "driftgauge.toml").write_text(text)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["driftgauge", "dlq", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Ended(code, captured.out, captured.err)

    loggers = [logging.getLogger(), logging.getLogger("driftgauge"), logging.getLogger("kafka")]
    before = [(one, list(one.handlers), one.level, one.propagate) for one in loggers]
    yield Rig(connection, topic, run)
    for one, handlers, level, propagate in before:  # the command line configured them
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def test_a_topic_without_letters_or_none_at_all_is_empty(rig: Rig) -> None:
    assert rig.run("list").out == f"No dead letters in {rig.topic}.dlq.\n"
    assert rig.run("list", "--json").values == {"letters": [], "total": 0, "reasons": {}}
    nothing = rig.run("replay")
    assert (nothing.code, nothing.out) == (0, f"0 sent to {rig.topic}.\n")


def test_letters_are_listed_with_place_reason_and_size(rig: Rig) -> None:
    rig.bury(3)
    rig.bury(1, error="EventFetchError")
    shown = rig.run("list")
    assert shown.code == 0
    assert f"{rig.topic}/1@2" in shown.out
    assert "2026-03-01 12:00:00" in shown.out
    assert "bad number 2" in shown.out
    assert "4 in all (3 EventDecodeError, 1 EventFetchError); the newest 4 are shown." in shown.out
    two = rig.run("list", "--reason", "number 1", "--json").values
    assert [row["offset"] for row in two["letters"]] == [1]
    assert two["letters"][0]["bytes"] == len(b"value 1")
    assert two["letters"][0]["time"] == NOON.isoformat()
    assert two["letters"][0]["attempt"] == 1
    newest = rig.run("list", "--limit", "1", "--json").values
    assert (newest["total"], newest["letters"][0]["error"]) == (4, "EventFetchError")
    assert rig.run("list", "--since", "2026-03-02", "--json").values["total"] == 0


def test_a_replay_sends_each_letter_once_untouched_but_for_its_attempt(rig: Rig) -> None:
    rig.bury(5)
    dry = rig.run("replay", "--dry-run")
    assert (dry.code, dry.out) == (0, f"5 would be sent to {rig.topic}.\n")
    assert rig.sent() == []
    done = rig.run("replay", "--json")
    assert (done.code, done.values["sent"], done.values["failed"]) == (0, 5, 0)
    records = rig.sent()
    assert [one.value for one in records] == [f"value {n}".encode() for n in range(5)]
    assert {(one.partition, one.key, one.timestamp_ms) for one in records} == {
        (1, b"k", round(NOON.timestamp() * 1000))
    }
    headers = (("camera", b"3"), ("camera", b"4"), ("dlq_attempt", b"2"))
    assert {one.headers for one in records} == {headers}
    second = rig.run("replay")
    assert second.code == 0
    assert "0 sent" in second.out
    assert "5 not sent: already replayed" in second.out
    assert "(replayed)" in rig.run("list").out
    assert len(rig.sent()) == 5
    assert rig.run("replay", "--again", "--limit", "2", "--json").values["sent"] == 2
    assert len(rig.sent()) == 7


def test_only_the_chosen_letters_are_sent(rig: Rig) -> None:
    rig.bury(4)
    names = [row["letter"] for row in rig.run("list", "--json").values["letters"]]
    chosen = rig.run("replay", "--letter", names[1], "--letter", names[3], "--json").values
    assert chosen["sent"] == 2
    assert [one.value for one in rig.sent()] == [b"value 1", b"value 3"]
    assert rig.run("replay", "--reason", "no such", "--json").values["sent"] == 0
    assert rig.run("replay", "--json").values["sent"] == 2


def test_what_was_tried_often_is_cut_or_foreign_is_refused_and_counted(rig: Rig) -> None:
    rig.bury(1)
    rig.bury(2, headers=(("dlq_attempt", b"3"),))
    rig.bury(1, headers=(("dlq_attempt", b"many"),))
    rig.bury(1, topic="another")
    rig.bury(1, headers=(("dlq_dropped_bytes", b"77"),))
    done = rig.run("replay", "--json")
    assert done.code == 3
    counts = {"sent": 2, "worn_out": 2, "foreign": 1, "dropped": 1}
    assert {name: done.values[name] for name in counts} == counts
    words = rig.run("replay").out
    assert "2 not sent: 3 attempts or more" in words
    assert rig.run("replay", "--max-attempts", "4", "--json").values["sent"] == 2


def test_an_event_that_fails_again_carries_its_attempt(rig: Rig) -> None:
    rig.bury(1)
    rig.run("replay")
    (sent,) = rig.sent()
    letters = KafkaDeadLetters(rig.connection, topic=f"{rig.topic}.dlq")
    letters.send(sent, error="EventDecodeError", message="still bad")
    letters.close()
    rows = rig.run("list", "--json").values["letters"]
    assert [(row["attempt"], row["replayed"]) for row in rows] == [(1, True), (2, False)]
    assert rig.run("replay", "--json").values["sent"] == 1
    assert rig.sent()[1].headers == (("camera", b"3"), ("camera", b"4"), ("dlq_attempt", b"3"))


def test_a_broker_that_is_away_is_an_error(tmp_path: Path) -> None:
    text = SETTINGS.format(topic="frames", server="127.0.0.1:1")
    waiting = "bootstrap_timeout_seconds = 0.5\n[model]"
    (tmp_path / "driftgauge.toml").write_text(text.replace("[model]", waiting))
    command = [str(Path(sys.executable).with_name("driftgauge")), "dlq", "list"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot read frames.dlq at 127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr
