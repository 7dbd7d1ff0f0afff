"""Log lines for people or machines: one line an event that matters, and never a secret.

Write ``log.info("%s windows flushed", 12, extra=action("flush", windows=12))``. The message says all
to people; a JSON line has the fields as members besides. A text line ends with those fields that the
message has not said, the action always: docs/operations.md lists the actions.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TextIO

PACKAGE = "driftgauge"
ACTION = "action"

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*:)[^\s@/]+@")
_NAMED_PASSWORD = re.compile(r"(password['\"]?\s*[=:]\s*['\"]?)[^\s'\",&]+", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\"'=]+")


class _LineFormatter(logging.Formatter):
    """What both formats share: the extra fields, and the masking of secrets."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with secrets hidden."""
        line = _NAMED_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1***@", self.line(record)))
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return line

    def line(self, record: logging.LogRecord) -> str:
        raise NotImplementedError

    def trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class TextFormatter(_LineFormatter):
    """``2026-01-31 12:00:00.123 INFO loop: windows flushed action=flush windows=12``."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the line, not masked."""
        time = _time(record).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        source = record.name.removeprefix(f"{PACKAGE}.").rpartition(".")[2]
        message = record.getMessage()
        fields = "".join(
            f" {name}={_text(value)}"
            for name, value in extra_fields(record).items()
            if name == ACTION or not _says(message, value)
        )
        trace = self.trace(record)
        return f"{time} {record.levelname} {source}: {message}{fields}" + (
            f"\n{trace}" if trace else ""
        )


class JsonFormatter(_LineFormatter):
    """One JSON object a line: time, level, logger, message, the extra fields, trace."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the line, not masked."""
        entry: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name, value in extra_fields(record).items() if name not in entry}
        if trace := self.trace(record):
            entry["trace"] = trace
        return json.dumps(entry, default=str, ensure_ascii=False)


def action(name: str, /, **fields: object) -> dict[str, object]:
    """Return what a log call's ``extra`` takes: what happened, in a word that never changes."""
    return {ACTION: name, **fields}


def configure_logging(
    level: str, form: str, *, secrets: Collection[str] = (), output: TextIO | None = None
) -> None:
    """Send the package's log lines, and warnings of other libraries, to *output*.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``text`` or ``json``.
        secrets: words that must never appear, such as a database password.
        output: standard error if None.
    """
    handler = logging.StreamHandler(output or sys.stderr)
    handler.setFormatter({"text": TextFormatter, "json": JsonFormatter}[form](secrets))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(PACKAGE).setLevel(level.upper())


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that the caller gave in ``extra``, in their order."""
    return {name: value for name, value in vars(record).items() if name not in _BUILT_IN}


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _says(message: str, value: object) -> bool:
    """Return whether *value* stands in *message* as a word of its own."""
    return re.search(rf"(?<![\w.]){re.escape(_text(value))}(?![\w.])", message) is not None


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if _PLAIN.fullmatch(str(value)) else json.dumps(str(value))
