"""deploy/compose.yaml as Compose reads it: its variables filled in, its anchors merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE_FILE = DEPLOY / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class VariableMissing(Exception):
    """A variable has no value, and the file says that it must have one."""


def compose_text(environment: Mapping[str, str]) -> str:
    """Return the file with its variables taken from *environment*."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if environment.get(name):
            return environment[name]
        if kind == "?":
            raise VariableMissing(f"{name}: {rest}")
        return rest or ""

    return _VARIABLE.sub(value, COMPOSE_FILE.read_text())


def compose_model(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the services, volumes and so on."""
    model: dict[str, Any] = yaml.safe_load(compose_text(environment))
    return model


def sample_environment(value: str = "secret") -> dict[str, str]:
    """Return what compose/sample.env asks for, each filled in with *value*."""
    lines = (DEPLOY / "compose" / "sample.env").read_text().splitlines()
    return {line.removesuffix("="): value for line in lines if re.fullmatch(r"\w+=", line)}
