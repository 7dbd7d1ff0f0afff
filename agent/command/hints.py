"""Hints that can be pasted: the commands in them get the options that this one was given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

GROUPS = {
    "alerts": "list",
    "db": "upgrade",
    "detectors": "list|show|promote|rollback",
    "dlq": "list|replay",
}
_DATABASE_ONLY = frozenset(
    {
        *("status", "rates", "query", "export", "replay", "report"),
        *("alerts list", "db upgrade", "detectors list"),
    }
)


def with_options(hint: str, arguments: Sequence[str], commands: Iterable[str]) -> str:
    """Return *hint* with ``--config`` or ``--store`` behind each command of ours that takes it.

    Args:
        arguments: of the command that failed.
        commands: names of all commands, the groups as well.

    Example:
        >>> with_options("driftgauge db upgrade", ["status", "-c", "my line.toml"], ["db"])
        "driftgauge db upgrade -c 'my line.toml'"
    """
    given = _given(arguments)
    names = [f"{name} (?:{GROUPS[name]})" if name in GROUPS else name for name in commands]

    def completed(found: re.Match[str]) -> str:
        store = given.get("--store")
        if store and found.group(1) in _DATABASE_ONLY:
            return f"{found.group(0)} --store {shlex.quote(store)}"
        config = given.get("--config")
        return f"{found.group(0)} -c {shlex.quote(config)}" if config else found.group(0)

    named = "|".join(sorted(set(names) - {"demo", "init"}, key=len, reverse=True))
    return re.sub(rf"\bdriftgauge ({named})\b(?! -c)", completed, hint)


def _given(arguments: Sequence[str]) -> dict[str, str]:
    """Return what ``--config`` and ``--store`` were given; an address with a password is left out."""
    found = {}
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, value = argument.partition("=")
        if name in {"--config", "--store"}:
            found[name] = value or following
        elif argument.startswith("-c") and not argument.startswith("--"):
            found["--config"] = argument[2:] or following
    return {
        name: value for name, value in found.items() if value and not re.search(r":[^/]*@", value)
    }
