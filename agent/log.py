"""Log lines for people or machines: one line for each event that matters, and never a secret.

Write ``log.info("%s windows flushed", 12, extra=action("flush", windows=12))``. The message says all
to people; a JSON line has the fields as members besides. A text line ends with those fields that the
message has not said, the action always: docs/operations.md lists the actions.

Text from outside (a header, a label, a file's name) may reach a line: what a terminal would obey, or
what would begin a line of its own, is written as an escape.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import unicodedata
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TextIO

PACKAGE = "driftgauge"
ACTION = "action"

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*:)[^\s@/]+@")
_NAMED_PASSWORD = re.compile(r"(password['\"]?\s*[=:]\s*['\"]?)[^\s'\",&]+", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\"'=]+")
_UNSAFE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is not seen as itself: controls, bidirectional overrides, invisible
characters, halves of surrogate pairs, line and paragraph separators. Spaces of any width are kept."""


def escaped(text: str) -> str:
    r"""Return *text* on one line, with what a terminal would obey or hide written as an escape.

    >>> print(escaped("camera=\x1b[2J \u202e3\n"))
    camera=\x1b[2J \u202e3\n
    >>> escaped("Halle\u30003") == "Halle\u30003"
    True
    """
    return _replaced(text, lambda char: char.encode("unicode_escape").decode("ascii"))


def _json_escaped(line: str) -> str:
    """Return a JSON text, written without `ensure_ascii`, with the same characters escaped."""
    return _replaced(line, lambda char: json.dumps(char)[1:-1])


def _replaced(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(escape(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


class _LineFormatter(logging.Formatter):
    """What both formats share: the extra fields, and the masking of secrets."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        written = {way for secret in secrets if secret for way in _ways_to_write(secret)}
        self._secrets = sorted(written, key=len, reverse=True)

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
        line = escaped(f"{time} {record.levelname} {source}: {message}{fields}")
        # Indented, so that an error's text cannot pass for a line of the log.
        trace = self.trace(record).splitlines()
        return "\n".join([line, *(f"  {escaped(part)}" for part in trace)])


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
        return _json_escaped(json.dumps(entry, default=str, ensure_ascii=False))


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


def _ways_to_write(secret: str) -> set[str]:
    """Return *secret* as it can stand in a line: as it is, quoted, or escaped."""
    as_json = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {secret, escaped(secret), repr(secret)[1:-1], *as_json}


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _says(message: str, value: object) -> bool:
    """Return whether *value* stands in *message* as a word of its own."""
    return re.search(rf"(?<![\w.]){re.escape(_text(value))}(?![\w.])", message) is not None


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
