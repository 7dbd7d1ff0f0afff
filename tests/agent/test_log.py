"""Log lines are one line an event, in the format asked for, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from driftgauge.agent.log import action, configure_logging

logger = logging.getLogger("driftgauge.agent.loop.loop")


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    root, package = logging.getLogger(), logging.getLogger("driftgauge")
    handlers, level, package_level = root.handlers[:], root.level, package.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    package.setLevel(package_level)


def log_failure(message: str) -> None:
    error = RuntimeError(message)
    logger.error("failed", exc_info=error)


def test_text_lines_end_with_the_fields() -> None:
    output = io.StringIO()
    configure_logging("info", "text", output=output)
    logger.info("windows flushed", extra={"action": "flush", "windows": 12, "topic": "a b"})
    assert output.getvalue().endswith(
        'INFO loop: windows flushed action=flush windows=12 topic="a b"\n'
    )


def test_a_text_line_does_not_repeat_what_its_message_says() -> None:
    output = io.StringIO()
    configure_logging("info", "text", output=output)
    logger.info("%s of 12 left", 1, extra=action("left", events=1, of=12, partition=2))
    logger.info("0.15 s later", extra=action("later", seconds=0.15, partition=15))
    first, second = output.getvalue().splitlines()
    assert first.endswith("INFO loop: 1 of 12 left action=left partition=2")
    assert second.endswith("0.15 s later action=later partition=15")


def test_json_lines_are_objects_with_the_fields_as_members() -> None:
    output = io.StringIO()
    configure_logging("info", "json", output=output)
    logger.warning("late %s", "event", extra={"action": "count", "seconds": 3.5})
    entry = json.loads(output.getvalue())
    assert entry.pop("time")
    assert entry == {
        "level": "warning", "logger": "driftgauge.agent.loop.loop", "message": "late event",
        "action": "count", "seconds": 3.5,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_never_appear(form: str) -> None:
    output = io.StringIO()
    configure_logging("info", form, secrets=["hunter2"], output=output)
    logger.info("connecting to postgresql://me:abc@db/x", extra={"dsn": "password=def host=db"})
    log_failure("could not log in with hunter2")
    text = output.getvalue()
    assert "postgresql://me:***@db/x" in text
    assert not any(secret in text for secret in ("abc", "def host", "hunter2"))


def test_a_traceback_stays_in_its_json_line() -> None:
    output = io.StringIO()
    configure_logging("info", "json", output=output)
    log_failure("boom")
    assert "RuntimeError: boom" in json.loads(output.getvalue())["trace"]


def test_lines_below_the_level_are_dropped_and_so_is_other_libraries_chatter() -> None:
    output = io.StringIO()
    configure_logging("warning", "text", output=output)
    logger.info("quiet")
    logging.getLogger("kafka.net").info("quiet too")
    assert output.getvalue() == ""


HOSTILE = "camera=\x1b[2J\u202e3\x00\x9b \u2028\ud800\n2026-01-01 00:00:00.000 ERROR loop: forged"


@pytest.mark.parametrize("form", ["text", "json"])
def test_text_from_outside_neither_steers_the_terminal_nor_begins_a_line(form: str) -> None:
    output = io.StringIO()
    configure_logging("info", form, output=output)
    logger.info("alert on %s", HOSTILE, extra=action("alert", segment=HOSTILE))
    log_failure(HOSTILE)
    shown = output.getvalue()
    assert not any(char in shown for char in "\x1b\u202e\x00\x9b\u2028\ud800")
    assert [line for line in shown.splitlines() if line.startswith("2026-01-01")] == []


def test_a_json_line_gives_text_from_outside_back_unchanged() -> None:
    output = io.StringIO()
    configure_logging("info", "json", output=output)
    logger.info("x", extra=action("alert", segment=HOSTILE))
    (line,) = output.getvalue().splitlines()
    assert json.loads(line)["segment"] == HOSTILE


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("secret", ['quo"te', "back\\slash", "tab\tular", "ünder"])
def test_a_secret_is_hidden_however_it_is_quoted(form: str, secret: str) -> None:
    output = io.StringIO()
    configure_logging("info", form, secrets=[secret], output=output)
    logger.info("got %s", secret, extra=action("login", given=f"a {secret}"))
    logger.info("got %r", {"secret": secret})
    shown = output.getvalue()
    assert "***" in shown
    assert not any(way in shown for way in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]))
