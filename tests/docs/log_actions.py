"""What the package's own log calls say happened, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

AGENT = Path(__file__).parents[2] / "agent"
APART = {"demo", "command"}
"""Folders whose lines are for a person at a terminal, not for those who watch an agent."""
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Give each call of a logger, and where it stands."""
    for path in sorted(AGENT.rglob("*.py")):
        if APART & set(path.relative_to(AGENT).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_log_call(node.func):
                yield f"{path.relative_to(AGENT.parent)}:{node.lineno}", node


def _is_log_call(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and called.attr in LEVELS
        and ast.unparse(called.value) in ("log", "logger", "logging.getLogger(__name__)")
    )


def action_of(call: ast.Call) -> str | None:
    """Return the action's name, None where the call has none."""
    for keyword in call.keywords:
        made = keyword.value
        if keyword.arg == "extra" and isinstance(made, ast.Call):
            (name, *_) = made.args
            if ast.unparse(made.func) == "action" and isinstance(name, ast.Constant):
                return str(name.value)
    return None
